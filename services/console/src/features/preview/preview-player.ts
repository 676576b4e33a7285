import { Observable } from "../../observable.ts";
import type { PictureState } from "./player.ts";

/** What plays the program in a video element, in one way. */
export interface Playing {
  readonly state: Observable<PictureState>;
  start(): void;
  stop(): void;
  ageMs(): number | null;
  catchUp(): void;
}

/** How the program comes. */
export type Delivery = "low-delay" | "hls";

/** What is wanted, and what comes of it. */
export interface Ways {
  readonly hls: Playing;
  /** `giveUp` is called when it cannot go on; `null` where the browser cannot play it at all. */
  readonly lowDelay: ((giveUp: () => void) => Playing) | null;
}

/**
 * Plays with the least delay where that is wanted and works, and by HLS otherwise. What did not work is
 * tried again when the program starts again or somebody asks for it.
 */
export class PreviewPlayer {
  readonly state = new Observable<PictureState>("off");
  readonly delivery = new Observable<Delivery>("hls");
  /** Whether the least delay is wanted and was given up. */
  readonly fellBack = new Observable(false);
  private readonly hls: Playing;
  private readonly lowDelay: Playing | null;
  private started = false;
  private wanted: boolean;
  private unsubscribe: () => void = () => {};

  constructor({ hls, lowDelay }: Ways, wantsLowDelay: boolean) {
    this.hls = hls;
    this.lowDelay = lowDelay?.(() => this.fallBack()) ?? null;
    this.wanted = wantsLowDelay;
  }

  get canLowDelay(): boolean {
    return this.lowDelay !== null;
  }

  start(): void {
    if (this.started) return;
    this.started = true;
    this.begin();
  }

  stop(): void {
    this.started = false;
    this.end();
    this.state.set("off");
  }

  /** Chooses between the least delay and HLS. */
  choose(lowDelay: boolean): void {
    const changes = lowDelay !== this.wanted;
    this.wanted = lowDelay;
    if (!this.started || !changes) return;
    this.end();
    this.begin();
  }

  ageMs(): number | null {
    return this.playing().ageMs();
  }

  catchUp(): void {
    if (this.started) this.playing().catchUp();
  }

  private begin(): void {
    this.fellBack.set(false);
    this.play(this.wanted && this.lowDelay ? "low-delay" : "hls");
  }

  private fallBack(): void {
    if (!this.started) return;
    this.end();
    this.fellBack.set(true);
    this.play("hls");
  }

  private play(delivery: Delivery): void {
    this.delivery.set(delivery);
    const playing = this.playing();
    const tell = () => this.state.set(playing.state.get());
    this.unsubscribe = playing.state.subscribe(tell);
    playing.start();
    tell();
  }

  private end(): void {
    this.unsubscribe();
    this.playing().stop();
  }

  private playing(): Playing {
    return this.delivery.get() === "low-delay" && this.lowDelay ? this.lowDelay : this.hls;
  }
}
