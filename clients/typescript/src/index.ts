/**
 * The live events of Stream Manager: channels read by position over a connection that mends itself.
 * Start with {@link connect}.
 */
export {
  Client,
  type ClientOptions,
  connect,
  type SubscribeOptions,
  type Subscription,
} from "./client.ts";
export { type Clock, systemClock } from "./edge/clock.ts";
export { type Inflate, inflateStream } from "./edge/inflate.ts";
export { noSignals, pageSignals, type Signal, type Signals, surroundings } from "./edge/signals.ts";
export { type Socket, type Target, type Transport, webSockets } from "./edge/transport.ts";
export {
  ConnectionLostError,
  NotConnectedError,
  ProofError,
  type ProofErrorOptions,
  RequestError,
} from "./errors.ts";
export type { BackOff } from "./link/back-off.ts";
export type { LinkFigures, LinkState } from "./link/state.ts";
export { DEFAULT_TIMING, type Timing } from "./link/timing.ts";
export { Observable, type Readable } from "./observable.ts";
export {
  type Admission,
  anonymous,
  byHeader,
  byTicket,
  byToken,
  type Proof,
  type TokenSource,
} from "./proof/proof.ts";
export type { Codec, Decoded, Frame } from "./protocol/codec.ts";
export { jsonCodec } from "./protocol/json-codec.ts";
export { messagePackCodec } from "./protocol/message-pack-codec.ts";
export type {
  Alert,
  Channel,
  ChannelEvents,
  ChannelSnapshots,
  ChatMessage,
  ClientMessage,
  EventMessage,
  Incident,
  LayerList,
  MetricsSample,
  Position,
  Present,
  Schemas,
  ServerMessage,
  StreamState,
  Watcher,
} from "./protocol/messages.ts";
export type {
  ChannelEvent,
  Refused,
  Resumed,
  Snapshot,
  SubscriptionEvent,
  Unknown,
} from "./subscription/events.ts";
export type { Listener } from "./subscription/topics.ts";
