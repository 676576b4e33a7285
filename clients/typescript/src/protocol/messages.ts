// Short names for the generated types. No wire type is written by hand.
import type { ChannelEvents, ChannelSnapshots } from "./channels.gen.ts";
import type { components } from "./types.gen.ts";

export type Schemas = components["schemas"];

export type Alert = Schemas["Alert"];
export type Channel = Schemas["Channel"];
export type ChatMessage = Schemas["ChatMessage"];
export type ClientMessage = Schemas["ClientMessage"];
export type ConnectionLimits = Schemas["ConnectionLimits"];
export type EventMessage = Schemas["EventMessage"];
export type Incident = Schemas["Incident"];
export type LayerList = Schemas["LayerList"];
export type MetricsSample = Schemas["MetricsSample"];
export type OutputState = Schemas["OutputState"];
export type Present = Schemas["Present"];
export type Position = Schemas["Position"];
export type ServerMessage = Schemas["ServerMessage"];
export type StreamState = Schemas["StreamState"];
export type Watcher = Schemas["Watcher"];

/** A message of one `type`. */
export type ServerSays<T extends ServerMessage["type"]> = Extract<ServerMessage, { type: T }>;

export type { ChannelEvents, ChannelSnapshots };
