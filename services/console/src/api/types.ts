// Short names for the generated types. No wire type is written by hand.
import type { components } from "./types.gen.ts";

type Schemas = components["schemas"];

export type Asset = Schemas["Asset"];
export type AssetKind = Schemas["AssetKind"];
export type Channel = Schemas["Channel"];
export type ChatMessage = Schemas["ChatMessage"];
export type ClientMessage = Schemas["ClientMessage"];
export type EventMessage = Schemas["EventMessage"];
export type EventType = Schemas["EventType"];
export type Identity = Schemas["Identity"];
export type Layer = Schemas["Layer"];
export type LayerCreated = Schemas["LayerCreated"];
export type LayerDeleted = Schemas["LayerDeleted"];
export type LayerList = Schemas["LayerList"];
export type LayerKind = Schemas["LayerKind"];
export type LayerPatch = Schemas["LayerPatch"];
export type LayerReordered = Schemas["LayerReordered"];
export type LayerSource = Schemas["LayerSource"];
export type LayerStatus = Schemas["LayerStatus"];
export type LayerUpdated = Schemas["LayerUpdated"];
export type MetricsSample = Schemas["MetricsSample"];
export type Performance = Schemas["Performance"];
export type Position = Schemas["Position"];
export type Problem = Schemas["Problem"];
export type ProgramFormat = Schemas["ProgramFormat"];
export type Role = Schemas["Role"];
export type ServerMessage = Schemas["ServerMessage"];
export type Severity = Schemas["Severity"];
export type StreamError = Schemas["StreamError"];
export type StreamState = Schemas["StreamState"];
export type StreamStatus = Schemas["StreamStatus"];
export type TextStyle = Schemas["TextStyle"];
export type Transform = Schemas["Transform"];
export type Viewers = Schemas["Viewers"];
