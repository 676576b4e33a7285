import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A setting of the script that starts the stack, deploy/ci/client-e2e.sh. */
function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; deploy/ci/client-e2e.sh says how`);
  return value;
}

/** A name that no other test has. */
export const unique = (name: string): string => `${name} ${crypto.randomUUID().slice(0, 8)}`;

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** Tokens are used for this long, of the seconds that the stack gives them. */
const FRESH_MS = 4_000;

/** The running system behind the client: its API, and its processes. */
export class System {
  /** Where Traefik answers, with a closing slash. */
  readonly url: string = setting("CLIENT_E2E_URL");
  private readonly data = setting("CLIENT_E2E_DATA");
  private readonly login = {
    username: setting("CLIENT_E2E_USER"),
    password: setting("CLIENT_E2E_PASSWORD"),
  };
  private fresh: { readonly token: string; readonly since: number } | null = null;

  get webSocket(): URL {
    const url = new URL("ws", this.url);
    url.protocol = "ws:";
    return url;
  }

  get credentials(): { readonly username: string; readonly password: string } {
    return this.login;
  }

  async signIn(login: object = this.login): Promise<Tokens> {
    return (await this.post("api/auth/login", login, null)) as Tokens;
  }

  /** An administrator's access token that is good for some seconds. */
  async token(): Promise<string> {
    if (this.fresh && Date.now() - this.fresh.since < FRESH_MS) return this.fresh.token;
    const { access_token } = await this.signIn();
    this.fresh = { token: access_token, since: Date.now() };
    return access_token;
  }

  /** Adds a layer, which everybody hears of on `layer-updates`. */
  async addLayer(name: string): Promise<string> {
    const body = { name, kind: "color", source: { color: "#336699" }, visible: false };
    const layer = await this.post("api/layers", body, await this.token());
    return (layer as { id: string }).id;
  }

  async changeLayer(id: string, patch: object): Promise<void> {
    const answer = await this.write(id, "PATCH", patch);
    if (!answer.ok) throw new Error(`change a layer: ${answer.status} ${await answer.text()}`);
  }

  async deleteLayer(id: string): Promise<void> {
    await this.write(id, "DELETE");
  }

  /** A process that the stack's supervisor starts again whenever it ends. */
  signal(name: string, signal: NodeJS.Signals): void {
    process.kill(Number(readFileSync(join(this.data, "run", `${name}.pid`), "utf8")), signal);
  }

  /** Writes a layer as it is now. */
  private async write(id: string, method: string, body?: object): Promise<Response> {
    const url = new URL(`api/layers/${id}`, this.url);
    const headers = { Authorization: `Bearer ${await this.token()}` };
    const match = (await fetch(url, { headers })).headers.get("ETag") ?? "";
    return fetch(url, {
      method,
      headers: { ...headers, "If-Match": match, "Content-Type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
  }

  private async post(path: string, body: object, token: string | null): Promise<unknown> {
    const answer = await fetch(new URL(path, this.url), {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        ...(token && { Authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }
}
