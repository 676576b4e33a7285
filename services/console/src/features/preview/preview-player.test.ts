import { expect, it } from "vitest";
import { Observable } from "../../observable.ts";
import type { PictureState } from "./player.ts";
import { type Playing, PreviewPlayer } from "./preview-player.ts";

class Way implements Playing {
  readonly state = new Observable<PictureState>("off");
  giveUp: () => void = () => {};
  start() {
    this.state.set("loading");
  }
  stop() {
    this.state.set("off");
  }
  ageMs() {
    return 1;
  }
  catchUp() {}
}

function scene(wanted: boolean) {
  const [hls, fast] = [new Way(), new Way()];
  const lowDelay = (giveUp: () => void) => {
    fast.giveUp = () => {
      fast.stop();
      giveUp();
    };
    return fast;
  };
  return { hls, fast, player: new PreviewPlayer({ hls, lowDelay }, wanted) };
}

it("plays with the least delay where that is wanted, and says what comes of it", () => {
  const { hls, fast, player } = scene(true);
  player.start();
  expect([player.delivery.get(), player.state.get()]).toEqual(["low-delay", "loading"]);
  fast.state.set("playing");
  expect(player.state.get()).toBe("playing");
  expect(hls.state.get()).toBe("off");
  player.stop();
  expect([fast.state.get(), player.state.get()]).toEqual(["off", "off"]);
});

it("goes on by HLS where the least delay does not work, and tries again with the next start", () => {
  const { hls, fast, player } = scene(true);
  player.start();
  fast.giveUp();
  expect([player.delivery.get(), player.fellBack.get()]).toEqual(["hls", true]);
  expect([hls.state.get(), fast.state.get()]).toEqual(["loading", "off"]);
  hls.state.set("playing");
  expect(player.state.get()).toBe("playing");
  player.stop();
  player.start();
  expect([player.delivery.get(), player.fellBack.get()]).toEqual(["low-delay", false]);
  expect(hls.state.get()).toBe("off");
});

it("changes from one to the other while it plays", () => {
  const { hls, fast, player } = scene(false);
  player.choose(true);
  expect(player.state.get()).toBe("off");
  player.choose(false);
  player.start();
  expect(hls.state.get()).toBe("loading");
  player.choose(true);
  expect([hls.state.get(), fast.state.get()]).toEqual(["off", "loading"]);
});

it("plays by HLS where the browser can do nothing else", () => {
  const hls = new Way();
  const player = new PreviewPlayer({ hls, lowDelay: null }, true);
  player.start();
  expect([player.canLowDelay, player.delivery.get()]).toEqual([false, "hls"]);
  expect(player.fellBack.get()).toBe(false);
});
