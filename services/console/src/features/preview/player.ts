import type HlsLight from "hls.js/light";
import type { ErrorData, HlsConfig } from "hls.js/light";
import type { Clock } from "../../clock.ts";
import { Observable } from "../../observable.ts";
import { levelFor, type Quality, qualitiesOf } from "./quality.ts";

/** What the preview shows. */
export type PictureState =
  /** Nothing is expected. */
  | "off"
  /** A picture is expected and none has come yet. */
  | "loading"
  | "playing"
  /** A picture came and stands still. */
  | "frozen"
  /** The browser can play neither way. */
  | "unsupported";

export interface PlayerOptions {
  readonly playlistUrl: () => string;
  /** An address that carries its own proof, for players that send no headers. */
  readonly signedPlaylistUrl: () => Promise<string | null>;
  readonly accessToken: () => string | null;
  readonly renewToken: () => Promise<boolean>;
  /** The server's time in milliseconds. */
  readonly serverNow: () => number;
  readonly clock: Clock;
}

const WATCH_MS = 500;
/** A picture that has not moved for this long is frozen. */
const FROZEN_MS = 2_500;
/** A picture that stands although playlists arrive is started anew after this time. */
const STUCK_MS = 6_000;
/** Without a single playlist for this long everything is started anew. */
const SILENT_MS = 20_000;
const RESTART_MS = 1_000;
/** How far behind to stay, in seconds, where the playlist does not say so itself. */
const BEHIND_S = 2.5;
/** Farther behind than this it jumps. */
const BEHIND_MAX_S = 8;

const forever = (retryDelayMs: number) => ({
  maxNumRetry: 1_000,
  retryDelayMs,
  maxRetryDelayMs: 2_000,
});

function hlsConfig(options: PlayerOptions, lowLatencyMode: boolean): Partial<HlsConfig> {
  const policy = (retryDelayMs: number) => ({
    default: {
      maxTimeToFirstByteMs: 5_000,
      maxLoadTimeMs: 10_000,
      timeoutRetry: forever(0),
      errorRetry: forever(retryDelayMs),
    },
  });
  return {
    // A worker would be made from a blob, which the content security policy does not allow.
    enableWorker: false,
    lowLatencyMode,
    maxLiveSyncPlaybackRate: 1.2,
    backBufferLength: 10,
    maxBufferLength: 10,
    manifestLoadPolicy: policy(RESTART_MS),
    playlistLoadPolicy: policy(500),
    xhrSetup(xhr, url) {
      if (xhr.readyState === XMLHttpRequest.UNSENT) xhr.open("GET", url, true);
      const token = options.accessToken();
      if (token) xhr.setRequestHeader("Authorization", `Bearer ${token}`);
    },
  };
}

/**
 * Plays the program in a video element and keeps at it: through restarts of the worker, breaks in the
 * stream, missing playlists and expired tokens, until it is stopped.
 */
export class LivePlayer {
  readonly state = new Observable<PictureState>("off");
  /** What there is to choose from; empty where there is one encoding, or the browser chooses. */
  readonly qualities = new Observable<readonly Quality[]>([]);
  /** The height that was chosen; `null` lets the player choose by what the network carries. */
  readonly chosen = new Observable<number | null>(null);
  /** The place of the encoding that is shown; `null` when not known. */
  readonly shown = new Observable<number | null>(null);
  private readonly video: HTMLVideoElement;
  private readonly options: PlayerOptions;
  private hls: HlsLight | null = null;
  private cancelWatch: () => void = () => {};
  private run = 0;
  private seenTime = 0;
  private movedAt = 0;
  private startedAt = 0;
  private playlistAt = 0;
  /** Until something goes wrong: whole segments are played everywhere. */
  private lowLatency = true;

  constructor(video: HTMLVideoElement, options: PlayerOptions) {
    this.video = video;
    this.options = options;
  }

  start(): void {
    if (this.state.get() !== "off") return;
    this.lowLatency = true;
    this.state.set("loading");
    void this.open();
  }

  stop(): void {
    this.close();
    this.state.set("off");
  }

  /** How old the picture is in milliseconds, from the program's own clock; `null` when not known. */
  ageMs(): number | null {
    const shownAt = this.hls?.playingDate?.getTime() ?? this.nativeDate();
    return shownAt === null ? null : Math.max(0, this.options.serverNow() - shownAt);
  }

  /** Returns to the live edge and plays, after the page was hidden or the person paused. */
  catchUp(): void {
    const edge = this.hls?.liveSyncPosition;
    if (edge != null && edge - this.video.currentTime > 3) this.video.currentTime = edge;
    this.play();
  }

  /** Shows the encoding of this height, or with `null` what the network carries. */
  choose(height: number | null): void {
    this.chosen.set(height);
    if (this.hls) this.hls.nextLevel = levelFor(this.qualities.get(), height);
  }

  private async open(): Promise<void> {
    this.close();
    const run = this.run;
    const now = this.options.clock.now();
    this.startedAt = now;
    this.movedAt = now;
    this.playlistAt = now;
    this.seenTime = 0;
    this.watch(run);
    // MediaSource first: it can send the token, and tells what goes wrong.
    const { default: Hls } = await import("hls.js/light");
    if (run !== this.run) return;
    if (Hls.isSupported())
      this.openHls(new Hls(hlsConfig(this.options, this.lowLatency)), Hls, run);
    else await this.openNative(run);
  }

  private openHls(hls: HlsLight, { Events, ErrorTypes }: typeof HlsLight, run: number): void {
    this.hls = hls;
    // Given to the constructor, these would overrule the playlist's PART-HOLD-BACK.
    hls.config.liveSyncDuration = BEHIND_S;
    hls.config.liveMaxLatencyDuration = BEHIND_MAX_S;
    hls.on(Events.LEVEL_LOADED, () => {
      this.playlistAt = this.options.clock.now();
    });
    hls.on(Events.MANIFEST_PARSED, () => {
      this.qualities.set(qualitiesOf(hls.levels));
      const level = levelFor(this.qualities.get(), this.chosen.get());
      if (level >= 0) hls.nextLevel = level;
      this.play();
    });
    hls.on(Events.LEVEL_SWITCHED, (_event, { level }) => this.shown.set(level));
    let recoveredAt = Number.NEGATIVE_INFINITY;
    hls.on(Events.ERROR, (_event, data) => {
      if (run !== this.run) return;
      this.renewIfRefused(data);
      if (!data.fatal) return;
      this.lowLatency = false;
      const now = this.options.clock.now();
      if (data.type === ErrorTypes.MEDIA_ERROR && now - recoveredAt > STUCK_MS) {
        recoveredAt = now;
        hls.recoverMediaError();
        return;
      }
      this.options.clock.after(RESTART_MS, () => {
        if (run === this.run) void this.open();
      });
    });
    hls.loadSource(this.options.playlistUrl());
    hls.attachMedia(this.video);
  }

  private async openNative(run: number): Promise<void> {
    if (!this.video.canPlayType("application/vnd.apple.mpegurl")) {
      this.close();
      this.state.set("unsupported");
      return;
    }
    const url = await this.options.signedPlaylistUrl();
    if (run !== this.run || !url) return;
    this.video.src = url;
    this.play();
  }

  private renewIfRefused({ response }: ErrorData): void {
    if (response?.code === 401) void this.options.renewToken();
  }

  private play(): void {
    // Refused only where even muted playback needs a gesture; the play button is there for that.
    this.video.play().catch(() => {});
  }

  private watch(run: number): void {
    if (run !== this.run) return;
    const now = this.options.clock.now();
    // A hidden page's video may be paused by the browser; that is no failure.
    if (document.hidden) this.movedAt = Math.max(this.movedAt, now - FROZEN_MS);
    this.look(now);
    if (this.isStuck(now)) {
      this.lowLatency = false;
      void this.open();
      return;
    }
    this.cancelWatch = this.options.clock.after(WATCH_MS, () => this.watch(run));
  }

  private look(now: number): void {
    const time = this.video.currentTime;
    if (time !== this.seenTime) {
      this.seenTime = time;
      this.movedAt = now;
      if (this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) this.state.set("playing");
    } else if (this.state.get() === "playing" && now - this.movedAt >= FROZEN_MS) {
      this.state.set("frozen");
    }
    if (this.video.paused && this.state.get() === "frozen" && !document.hidden) this.play();
  }

  private isStuck(now: number): boolean {
    if (document.hidden) return false;
    const standsFor = now - Math.max(this.movedAt, this.startedAt);
    const playlistsArrive = this.hls === null || now - this.playlistAt < STUCK_MS;
    return standsFor > SILENT_MS || (standsFor > STUCK_MS && playlistsArrive);
  }

  private nativeDate(): number | null {
    const { video } = this as unknown as { video: { getStartDate?: () => Date } };
    const start = video.getStartDate?.().getTime();
    return start === undefined || Number.isNaN(start)
      ? null
      : start + this.video.currentTime * 1000;
  }

  private close(): void {
    this.run += 1;
    this.cancelWatch();
    this.hls?.destroy();
    this.hls = null;
    this.qualities.set([]);
    this.shown.set(null);
    if (this.video.hasAttribute("src")) {
      this.video.removeAttribute("src");
      this.video.load();
    }
  }
}
