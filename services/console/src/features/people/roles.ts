import type { Role } from "../../api/types.ts";

/** Roles of people, from the least to the most, in words. */
export const ROLES: readonly { readonly value: Role; readonly label: string }[] = [
  { value: "viewer", label: "Viewer" },
  { value: "moderator", label: "Moderator" },
  { value: "operator", label: "Operator" },
  { value: "admin", label: "Admin" },
  { value: "service", label: "Machine" },
];
