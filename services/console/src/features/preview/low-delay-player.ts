import type { Clock } from "../../clock.ts";
import { Observable } from "../../observable.ts";
import type { PictureState } from "./player.ts";

export interface LowDelayOptions {
  /** Where a session is opened, by WHEP. */
  readonly whepUrl: () => string;
  readonly accessToken: () => string | null;
  readonly renewToken: () => Promise<boolean>;
  readonly clock: Clock;
  /** It cannot be played this way, or not any more. */
  readonly onGiveUp: () => void;
}

const WATCH_MS = 500;
/** Longest wait for the first frame: the answer, the way to the engine, and a keyframe. */
const FIRST_FRAME_MS = 8_000;
/** A picture that has not moved for this long is frozen. */
const FROZEN_MS = 1_500;
/** A picture that stands for this long gets another session. */
const STUCK_MS = 5_000;
/** Longest wait for the answer to the offer. */
const ANSWER_MS = 6_000;

/** Whether this browser has what it takes. */
export function playsLowDelay(): boolean {
  return (
    typeof RTCPeerConnection !== "undefined" &&
    "requestVideoFrameCallback" in HTMLVideoElement.prototype
  );
}

/**
 * Plays the program over WebRTC. A session that ends after it has shown a picture is replaced; one that
 * shows none gives up, for another player to take over.
 */
export class LowDelayPlayer {
  readonly state = new Observable<PictureState>("off");
  private readonly video: HTMLVideoElement;
  private readonly options: LowDelayOptions;
  private connection: RTCPeerConnection | null = null;
  private session: string | null = null;
  private cancelWatch: () => void = () => {};
  private run = 0;
  private openedAt = 0;
  private movedAt: number | null = null;
  private age: number | null = null;

  constructor(video: HTMLVideoElement, options: LowDelayOptions) {
    this.video = video;
    this.options = options;
  }

  start(): void {
    if (this.state.get() !== "off") return;
    this.state.set("loading");
    this.open();
  }

  stop(): void {
    this.close();
    this.video.srcObject = null;
    this.state.set("off");
  }

  /**
   * How old the picture is in milliseconds: from the moment that the frame shows to the moment that it
   * was shown. `null` where the browser does not estimate the sender's clock.
   */
  ageMs(): number | null {
    return this.age;
  }

  catchUp(): void {
    this.video.play().catch(() => {});
  }

  private open(): void {
    this.close();
    const run = this.run;
    this.openedAt = this.options.clock.now();
    this.movedAt = null;
    const connection = new RTCPeerConnection();
    this.connection = connection;
    const stream = new MediaStream();
    connection.ontrack = ({ track }) => stream.addTrack(track);
    connection.onconnectionstatechange = () => {
      const { connectionState } = connection;
      if (run === this.run && (connectionState === "failed" || connectionState === "closed"))
        this.replace();
    };
    for (const kind of ["video", "audio"] as const)
      connection.addTransceiver(kind, { direction: "recvonly" });
    this.video.srcObject = stream;
    this.catchUp();
    this.follow(run);
    this.watch(run);
    this.negotiate(connection, run).catch(() => {
      if (run === this.run) this.giveUp();
    });
  }

  private async negotiate(connection: RTCPeerConnection, run: number): Promise<void> {
    await connection.setLocalDescription();
    const offer = connection.localDescription?.sdp ?? "";
    let answer = await this.post(offer);
    if (answer.status === 401 && (await this.options.renewToken())) answer = await this.post(offer);
    const location = answer.headers.get("location");
    const session = location && new URL(location, answer.url).href;
    if (run !== this.run) {
      // It came too late to be wanted.
      if (session) this.end(session);
      return;
    }
    if (answer.status !== 201 || !session) throw new Error(`no session: ${answer.status}`);
    this.session = session;
    await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  }

  private post(offer: string): Promise<Response> {
    return fetch(this.options.whepUrl(), {
      method: "POST",
      headers: { "Content-Type": "application/sdp", ...this.authorization() },
      body: offer,
      signal: AbortSignal.timeout(ANSWER_MS),
    });
  }

  private authorization(): Record<string, string> {
    const token = this.options.accessToken();
    return token ? { Authorization: `Bearer ${token}` } : {};
  }

  /** Hears of every frame that is shown. */
  private follow(run: number): void {
    this.video.requestVideoFrameCallback((_now, { captureTime, expectedDisplayTime }) => {
      if (run !== this.run) return;
      this.movedAt = this.options.clock.now();
      this.age = captureTime === undefined ? null : Math.max(0, expectedDisplayTime - captureTime);
      this.state.set("playing");
      this.follow(run);
    });
  }

  private watch(run: number): void {
    if (run !== this.run) return;
    const now = this.options.clock.now();
    // No frames are shown on a hidden page; that is no failure.
    if (document.hidden) {
      this.openedAt = now;
      if (this.movedAt !== null) this.movedAt = now;
    }
    if (this.isStuck(now)) {
      this.replace();
      return;
    }
    if (this.movedAt !== null && now - this.movedAt >= FROZEN_MS) {
      this.age = null;
      this.state.set("frozen");
    }
    this.cancelWatch = this.options.clock.after(WATCH_MS, () => this.watch(run));
  }

  private isStuck(now: number): boolean {
    return this.movedAt === null
      ? now - this.openedAt >= FIRST_FRAME_MS
      : now - this.movedAt >= STUCK_MS;
  }

  /** Tries another session where this one has shown something. */
  private replace(): void {
    if (this.movedAt === null) this.giveUp();
    else this.open();
  }

  private giveUp(): void {
    this.stop();
    this.options.onGiveUp();
  }

  private close(): void {
    this.run += 1;
    this.cancelWatch();
    this.age = null;
    this.connection?.close();
    this.connection = null;
    if (this.session) this.end(this.session);
    this.session = null;
  }

  private end(session: string): void {
    // One that is not told ends by itself, when it hears nothing more.
    fetch(session, { method: "DELETE", headers: this.authorization(), keepalive: true }).catch(
      () => {},
    );
  }
}
