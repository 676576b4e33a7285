import type { Client } from "@stream-manager/client";
import { type Api, createApi, outcomeOf } from "./api/client.ts";
import { may } from "./api/permissions.ts";
import type { Session } from "./api/session.ts";
import type { StreamState } from "./api/types.ts";
import { systemClock } from "./clock.ts";
import { AccountStore } from "./features/account/store.ts";
import { AlertStore } from "./features/alerts/store.ts";
import { HistoryStore } from "./features/analytics/store.ts";
import { Announcer } from "./features/announcements/announcer.ts";
import { announceLink, announceOutputs, announceStream } from "./features/announcements/rules.ts";
import { AssetStore } from "./features/assets/store.ts";
import { Moderation } from "./features/chat/moderation.ts";
import { ChatRoom } from "./features/chat/room.ts";
import { ChatStore } from "./features/chat/store.ts";
import { DraftCommands } from "./features/drafts/commands.ts";
import { GroupCommands } from "./features/layers/group-commands.ts";
import { LayerHistory } from "./features/layers/history.ts";
import { OrderWriter } from "./features/layers/order-writer.ts";
import { LayerStore } from "./features/layers/store.ts";
import { LayerWriter } from "./features/layers/writer.ts";
import { Poller } from "./features/link/poller.ts";
import { MetricsLane } from "./features/metrics/lane.ts";
import { OutputStore } from "./features/outputs/store.ts";
import { OutputWriter } from "./features/outputs/writer.ts";
import { PeopleStore } from "./features/people/store.ts";
import { RecordingStore } from "./features/recordings/store.ts";
import { SceneCommands } from "./features/scenes/commands.ts";
import { SceneStore } from "./features/scenes/store.ts";
import { ScheduleStore } from "./features/schedules/store.ts";
import { StreamCommands } from "./features/stream/commands.ts";
import { isOnAir } from "./features/stream/status.ts";
import { StreamStore } from "./features/stream/store.ts";
import { VariableStore } from "./features/variables/store.ts";
import { browserClient } from "./live/browser-client.ts";
import { type ChannelListener, follow } from "./live/channel-listener.ts";
import { ServerClock } from "./server-clock.ts";

/** Tries in a row without a connection before the state is asked for by HTTP. */
const POLL_AFTER_TRIES = 3;

/** Everything behind the page of one signed-in person, wired once. */
export interface Runtime {
  readonly stream: string;
  readonly api: Api;
  readonly session: Session;
  readonly serverClock: ServerClock;
  readonly connection: Client;
  readonly poller: Poller;
  readonly state: StreamStore;
  readonly commands: StreamCommands;
  readonly history: HistoryStore;
  readonly metrics: MetricsLane;
  readonly alerts: AlertStore;
  readonly layers: LayerStore;
  readonly layerWriter: LayerWriter;
  readonly orderWriter: OrderWriter;
  readonly layerHistory: LayerHistory;
  readonly groupCommands: GroupCommands;
  readonly draftCommands: DraftCommands;
  readonly variables: VariableStore;
  readonly scenes: SceneStore;
  readonly sceneCommands: SceneCommands;
  readonly schedules: ScheduleStore;
  readonly outputs: OutputStore;
  readonly outputWriter: OutputWriter;
  readonly recordings: RecordingStore;
  readonly account: AccountStore;
  readonly people: PeopleStore;
  readonly assets: AssetStore;
  readonly chat: ChatStore;
  readonly chatRoom: ChatRoom;
  readonly moderation: Moderation;
  readonly announcer: Announcer;
}

export function createRuntime(session: Session, stream = "main"): Runtime {
  const api = createApi(session);
  const serverClock = new ServerClock(systemClock);
  const identity = () => {
    const now = session.state.get();
    return "identity" in now ? now.identity : null;
  };
  const isGuest = session.state.get().kind === "guest";
  const role = identity()?.role;
  const mayModerate = role !== undefined && may(role, "moderate-chat");
  const connection = browserClient(api, session, mayModerate);
  const state = new StreamStore();
  const layers = new LayerStore(api, stream);
  const scenes = new SceneStore(api, stream, systemClock);
  const schedules = new ScheduleStore(api, stream);
  const variables = new VariableStore(api, stream);
  const chat = new ChatStore(api, stream);
  const chatRoom = new ChatRoom(api, systemClock, stream);
  const moderation = new Moderation(api, systemClock, stream);
  const outputs = new OutputStore(api, stream);
  const layerHistory = new LayerHistory(api, layers, systemClock, stream);
  const metrics = new MetricsLane((task) => requestAnimationFrame(task));
  const alerts = new AlertStore(api, stream);
  const announcer = new Announcer(systemClock);

  follow(connection, "stream-state", stream, timed(state, serverClock));
  const everybody = all(layers, scenes, variables);
  const mayEdit = role !== undefined && may(role, "edit-layers");
  const layerListener = mayEdit ? all(everybody, schedules) : everybody;
  if (!isGuest) follow(connection, "layer-updates", stream, timed(layerListener, serverClock));
  const everyChat = all(chat, chatRoom);
  const chatListener = mayModerate ? all(everyChat, moderation) : everyChat;
  follow(connection, "chat", stream, timed(chatListener, serverClock));
  state.state.subscribe(() => feedMetrics(metrics, state.state.get()));
  followTakes(state, layers);

  let pollTag: string | null = null;
  const poller = new Poller(async () => {
    const headers: Record<string, string> = pollTag ? { "If-None-Match": pollTag } : {};
    const { ok, state: answer, etag } = await readState(api, stream, headers);
    pollTag = etag ?? pollTag;
    if (answer) state.snapshot(answer);
    if (ok && connection.state.get().kind !== "live") {
      const others = isGuest ? [] : [layers.load(), scenes.load()];
      await Promise.all([...others, chat.load()]);
    }
    return ok;
  }, systemClock);

  const reviewPolling = () => {
    const role = identity()?.role;
    const slow = connection.figures.get().failedTries >= POLL_AFTER_TRIES;
    const withoutMetrics = !isGuest && role !== undefined && !may(role, "read-metrics");
    if (slow || withoutMetrics) poller.start();
    else poller.stop();
  };
  connection.figures.subscribe(reviewPolling);
  if (role && may(role, "read-metrics")) {
    follow(connection, "metrics", stream, timed(metrics, serverClock));
    follow(connection, "alerts", stream, timed(alerts, serverClock));
  }

  if (mayEdit) layerHistory.follow();
  if (role && may(role, "control-stream")) {
    outputs.follow(state.state);
    announceOutputs(state.state, announcer);
  }
  announceStream(state.state, announcer);
  announceLink(connection.state, announcer);
  reviewPolling();
  connection.start();

  return {
    stream,
    api,
    session,
    serverClock,
    connection,
    poller,
    state,
    commands: new StreamCommands(api, state, stream),
    metrics,
    alerts,
    layers,
    layerWriter: new LayerWriter(api, layers, systemClock),
    orderWriter: new OrderWriter(api, layers, stream),
    layerHistory,
    groupCommands: new GroupCommands(api, layers, stream),
    draftCommands: new DraftCommands(api, layers, stream),
    variables,
    scenes,
    sceneCommands: new SceneCommands(api, stream),
    schedules,
    outputs,
    outputWriter: new OutputWriter(api, outputs, stream),
    history: new HistoryStore(api, stream),
    recordings: new RecordingStore(api, stream),
    account: new AccountStore(api),
    people: new PeopleStore(api),
    assets: new AssetStore(api),
    chat,
    chatRoom,
    moderation,
    announcer,
  };
}

export function endRuntime(runtime: Runtime): void {
  runtime.connection.close();
  runtime.poller.stop();
}

/** One channel for several listeners. */
function all(...listeners: readonly ChannelListener[]): ChannelListener {
  return {
    snapshot(value) {
      for (const listener of listeners) listener.snapshot(value);
    },
    event(message) {
      for (const listener of listeners) listener.event(message);
    },
  };
}

/** The layers follow the scene that is wanted on air, unless another one is selected. */
function followTakes(state: StreamStore, layers: LayerStore): void {
  let wanted = state.state.get()?.wanted_scene ?? null;
  state.state.subscribe(() => {
    const now = state.state.get()?.wanted_scene ?? null;
    if (now === wanted) return;
    wanted = now;
    if (layers.selected.get() === null && layers.scene.get()) void layers.load();
  });
}

/** A listener that also teaches the server's clock. */
function timed(listener: ChannelListener, serverClock: ServerClock): ChannelListener {
  return {
    snapshot: (value) => listener.snapshot(value),
    event(message) {
      serverClock.observe(message.time);
      listener.event(message);
    },
  };
}

/** The state carries figures too: the first ones, and the only ones while the link is slow. */
function feedMetrics(metrics: MetricsLane, state: StreamState | null): void {
  if (!state) return;
  if (!isOnAir(state.status)) {
    metrics.clear();
    return;
  }
  const { stream, at, performance, viewers } = state;
  metrics.push({ stream, at, performance, viewers });
}

async function readState(
  api: Api,
  stream: string,
  headers: Record<string, string>,
): Promise<{ ok: boolean; state: StreamState | null; etag: string | null }> {
  const params = { query: { stream } };
  const outcome = await outcomeOf(api.GET("/api/stream/state", { params, headers }));
  if (outcome.ok) return { ok: true, state: outcome.data, etag: outcome.etag };
  return { ok: outcome.failure.status === 304, state: null, etag: null };
}
