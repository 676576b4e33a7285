import { readFile } from "node:fs/promises";
import { ProofError } from "../errors.ts";
import { anonymous, byToken, type Proof } from "../proof/proof.ts";
import { apiAddress } from "./address.ts";
import type { Who } from "./arguments.ts";

/** Longest wait for an answer about a sign-in, in milliseconds. */
const ANSWER_MS = 10_000;

/** How `who` proves itself on each connection. */
export function proofOf(who: Who, webSocket: URL): Proof {
  switch (who.by) {
    case "nobody":
      return anonymous;
    case "token":
      return byToken(who.token);
    case "token-file":
      return byToken(() => readTokenFile(who.path));
    case "password":
      return byToken(new SignIn(webSocket, who.user, who.password).token);
  }
}

async function readTokenFile(path: string): Promise<string> {
  const token = (await readFile(path, "utf8").catch(cannotRead)).trim();
  if (!token) throw new ProofError(`${path} holds no token`, { signInNeeded: true });
  return token;
}

function cannotRead(error: Error): never {
  throw new ProofError(error.message, { signInNeeded: true });
}

/** A sign-in by name and password, refreshed as long as it lasts and begun anew after that. */
class SignIn {
  private readonly webSocket: URL;
  private readonly credentials: { readonly username: string; readonly password: string };
  private refreshToken: string | null = null;

  constructor(webSocket: URL, username: string, password: string) {
    this.webSocket = webSocket;
    this.credentials = { username, password };
  }

  /** A fresh access token. */
  readonly token = async (): Promise<string> => {
    const used = this.refreshToken;
    this.refreshToken = null;
    const refreshed = used && (await this.ask("refresh", { refresh_token: used }));
    const tokens = refreshed || (await this.ask("login", this.credentials));
    if (!tokens) throw new ProofError("wrong user name or password", { signInNeeded: true });
    this.refreshToken = tokens.refresh_token;
    return tokens.access_token;
  };

  /** The answer of `POST /api/auth/<step>`; `null` when it is refused for good. */
  private async ask(step: "login" | "refresh", body: object): Promise<Tokens | null> {
    const response = await fetch(apiAddress(this.webSocket, `api/auth/${step}`), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (response.status === 401) return null;
    if (!response.ok) {
      const after = Number(response.headers.get("Retry-After"));
      const retryAfterMs = after > 0 ? after * 1_000 : null;
      throw new ProofError(`the sign-in was answered ${response.status}`, { retryAfterMs });
    }
    return (await response.json()) as Tokens;
  }
}

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}
