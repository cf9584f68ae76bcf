// The identity providers, in the order in which the page offers them.
export const PROVIDERS = [
  ...["entra", "okta", "google", "onelogin", "jumpcloud"],
  ...["ping", "keycloak", "authentik", "midpoint", "other"],
];
