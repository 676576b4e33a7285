import type { Role } from "./types.ts";

/** What the page offers to whom. The services decide; this only spares people a refusal. */
const ALLOWED = {
  "control-stream": ["operator", "admin"],
  "edit-layers": ["operator", "admin"],
  "read-metrics": ["operator", "admin"],
  "manage-users": ["admin"],
  "moderate-chat": ["moderator", "operator", "admin"],
  chat: ["viewer", "moderator", "operator", "admin"],
} as const satisfies Record<string, readonly Role[]>;

export type Permission = keyof typeof ALLOWED;

export function may(role: Role, permission: Permission): boolean {
  return (ALLOWED[permission] as readonly Role[]).includes(role);
}
