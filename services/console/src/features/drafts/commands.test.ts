import createClient from "openapi-fetch";
import { expect, it } from "vitest";
import type { paths } from "../../api/types.gen.ts";
import { LayerStore } from "../layers/store.ts";
import { DraftCommands } from "./commands.ts";

const scene = (id: string, revision: number) => ({
  scene: { id, name: "Main", revision, updated_at: "2030-01-01T00:00:00.000Z" },
  layers: [],
  groups: [],
});
const draft = {
  id: "draft",
  base_revision: 2,
  user_id: "ana",
  user_name: "ana",
  created_at: "2030-01-01T00:00:00.000Z",
};
const of = { scene: "main", draft };

/** Commands at a server that answers applying with these statuses, one after the other. */
function at(...statuses: number[]) {
  const asked: string[] = [];
  const answer = async (request: Request) => {
    const { pathname, search } = new URL(request.url);
    const tag = request.headers.get("If-Match");
    asked.push(`${request.method} ${pathname}${search}${tag ? ` ${tag}` : ""}`);
    if (pathname === "/api/layers") {
      const shown = new URLSearchParams(search).get("scene") ?? "main";
      return Response.json(scene(shown, 7));
    }
    if (pathname.endsWith("/draft")) return Response.json({ id: "draft" }, { status: 201 });
    const status = statuses.shift() ?? 200;
    const problem = { title: "Refused", code: "refused", status, type: "x" };
    return Response.json(status === 200 ? {} : problem, { status });
  };
  const api = createClient<paths>({ baseUrl: "http://server.test", fetch: answer });
  const layers = new LayerStore(api, "main");
  return { asked, layers, commands: new DraftCommands(api, layers, "main") };
}

it("shows a draft once it has begun, and its scene once it is applied", async () => {
  const { asked, layers, commands } = at();
  await commands.begin("main");
  expect(layers.selected.get()).toBe("draft");
  expect(await commands.apply(of, "refuse")).toBe(true);
  expect(layers.selected.get()).toBe("main");
  expect(asked).toEqual([
    "POST /api/scenes/main/draft?stream=main",
    "GET /api/layers?stream=main&scene=draft",
    'POST /api/scenes/main/draft/apply?stream=main&on_conflict=refuse "7"',
    "GET /api/layers?stream=main&scene=main",
  ]);
});

it("looks at what has changed before it is tried again, and keeps showing the draft", async () => {
  const { asked, layers, commands } = at(412, 409);
  await commands.begin("main");
  expect(await commands.apply(of, "refuse")).toBe(false);
  expect(asked.at(-1)).toBe("GET /api/layers?stream=main&scene=draft");
  expect(await commands.apply(of, "refuse")).toBe(false);
  expect(commands.failure.get()?.status).toBe(409);
  expect(layers.selected.get()).toBe("draft");
});
