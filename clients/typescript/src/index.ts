// The client of Passerelle for a SaaS: the admin API, a copy of the directory, webhooks.

export { type Admin, ApiError, createAdmin, data, type Outside, type Schemas } from "./admin.js";
export { Consumer, type Difference, pages, type Step, type Store, type Team, type User } from "./consumer.js";
export { buckets, type Copy, type Membership, type StoredTeam, type StoredUser } from "./digest.js";
export { MemoryCopy } from "./memory.js";
export { type CloudEvent, type Event, InvalidSignature, verify } from "./webhooks.js";
