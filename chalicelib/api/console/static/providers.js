// The identity providers, in the order in which the page offers them.
export const PROVIDERS = [
  ...["entra", "okta", "google", "onelogin", "jumpcloud"],
  ...["ping", "keycloak", "authentik", "midpoint", "other"],
];

// How a provider can sign in, the best way first. One that is not named knows a token only.
const WAYS = {
  entra: ["federated", "client_secret", "token"],
  ping: ["client_secret", "token"],
  other: ["token", "client_secret", "federated"],
};

/** The ways that a provider knows and its organisation allows, the best first. */
export const waysOf = (provider, allowed) => (WAYS[provider] ?? ["token"]).filter((way) => allowed.includes(way));
