import { expect, it } from "vitest";
import { ManualClock } from "../../clock.ts";
import { PreviewPictures } from "./picture.ts";

function scene() {
  const clock = new ManualClock();
  const answers: (() => Response)[] = [];
  const asked: (string | null)[] = [];
  const forgotten: string[] = [];
  let seen = true;
  let made = 0;
  const pictures = new PreviewPictures({
    url: "http://server.test/live/main/preview.jpg",
    fetch: async (request) => {
      asked.push(request.headers.get("If-None-Match"));
      const answer = answers.shift();
      if (!answer) throw new Error("no answer");
      return answer();
    },
    clock,
    isSeen: () => seen,
    addressOf: () => `blob:${++made}`,
    forget: (url) => void forgotten.push(url),
  });
  const picture = (tag: string) => () =>
    new Response(new Blob(["picture"]), { headers: { ETag: `"${tag}"` } });
  const status = (code: number) => () => new Response(null, { status: code });
  const see = (is: boolean) => {
    seen = is;
  };
  return { clock, answers, asked, forgotten, pictures, picture, status, see };
}

it("shows one picture after the other and forgets the last", async () => {
  const { clock, answers, asked, forgotten, pictures, picture, status } = scene();
  answers.push(picture("a"), status(304), picture("b"));
  pictures.start();
  await clock.advance(0);
  expect(pictures.state.get()).toEqual({ kind: "shown", url: "blob:1", stale: false });
  await clock.advance(400);
  expect(pictures.state.get()).toEqual({ kind: "shown", url: "blob:2", stale: false });
  expect(asked).toEqual([null, '"a"', '"a"']);
  expect(forgotten).toEqual(["blob:1"]);
  pictures.stop();
  expect(forgotten).toEqual(["blob:1", "blob:2"]);
  await clock.advance(5_000);
  expect(asked).toHaveLength(3);
});

it("keeps the last picture, says that it is old, and asks again", async () => {
  const { clock, answers, pictures, picture, status } = scene();
  answers.push(status(503));
  pictures.start();
  await clock.advance(0);
  expect(pictures.state.get()).toEqual({ kind: "failed" });
  answers.push(picture("a"), status(503), status(304));
  await clock.advance(1_000);
  await clock.advance(200);
  expect(pictures.state.get()).toEqual({ kind: "shown", url: "blob:1", stale: true });
  await clock.advance(1_000);
  expect(pictures.state.get()).toEqual({ kind: "shown", url: "blob:1", stale: false });
});

it("asks for nothing while nobody sees the page", async () => {
  const { clock, answers, asked, pictures, picture, see } = scene();
  see(false);
  pictures.start();
  await clock.advance(3_000);
  expect(asked).toEqual([]);
  see(true);
  answers.push(picture("a"));
  await clock.advance(1_000);
  expect(asked).toEqual([null]);
});
