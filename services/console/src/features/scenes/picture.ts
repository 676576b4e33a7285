import type { Clock } from "../../clock.ts";
import { Observable } from "../../observable.ts";

/** What is known of the picture of the scene in preview. */
export type PreviewPictureState =
  | { readonly kind: "loading" }
  /** The address of the newest picture. */
  | { readonly kind: "shown"; readonly url: string; readonly stale: boolean }
  | { readonly kind: "failed" };

export interface PictureOptions {
  readonly url: string;
  /** Sends the request with the session's proof. */
  readonly fetch: (request: Request) => Promise<Response>;
  readonly clock: Clock;
  /** Whether the page is seen: nothing is asked for while it is not. */
  readonly isSeen: () => boolean;
  readonly addressOf: (picture: Blob) => string;
  readonly forget: (url: string) => void;
}

/** From one picture to asking for the next: the server draws no more than five in a second. */
const NEXT_MS = 200;
/** The same after a failure, and while the page is not seen. */
const AGAIN_MS = 1_000;

/** Asks for the picture of the preview again and again, one at a time, while it runs. */
export class PreviewPictures {
  readonly state = new Observable<PreviewPictureState>({ kind: "loading" });
  private readonly options: PictureOptions;
  private tag: string | null = null;
  private running = false;
  private cancel: () => void = () => {};

  constructor(options: PictureOptions) {
    this.options = options;
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    void this.ask();
  }

  stop(): void {
    this.running = false;
    this.cancel();
    this.show({ kind: "loading" });
    this.tag = null;
  }

  private async ask(): Promise<void> {
    const good = this.options.isSeen() ? await this.fetch() : false;
    if (!this.running) return;
    this.cancel = this.options.clock.after(good ? NEXT_MS : AGAIN_MS, () => void this.ask());
  }

  private async fetch(): Promise<boolean> {
    try {
      const headers: Record<string, string> = this.tag ? { "If-None-Match": this.tag } : {};
      const response = await this.options.fetch(new Request(this.options.url, { headers }));
      if (response.status === 304) return this.unchanged();
      if (!response.ok) return this.failed();
      const picture = await response.blob();
      if (!this.running) return false;
      this.tag = response.headers.get("ETag");
      this.show({ kind: "shown", url: this.options.addressOf(picture), stale: false });
      return true;
    } catch {
      return this.failed();
    }
  }

  private unchanged(): boolean {
    const known = this.state.get();
    if (known.kind === "shown" && known.stale) this.state.set({ ...known, stale: false });
    return true;
  }

  /** The last picture stays, and is said to be old. */
  private failed(): boolean {
    if (!this.running) return false;
    const known = this.state.get();
    this.state.set(known.kind === "shown" ? { ...known, stale: true } : { kind: "failed" });
    return false;
  }

  private show(next: PreviewPictureState): void {
    const before = this.state.get();
    this.state.set(next);
    if (before.kind === "shown") this.options.forget(before.url);
  }
}
