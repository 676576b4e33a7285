import type { Failure } from "../../api/problem.ts";
import { Message } from "../../ui/message.tsx";
import { Brand } from "./brand.tsx";
import "./session.css";

/** Shown while the sign-in of before a reload is picked up; usually too short to be seen. */
export function Restoring({ failure }: { readonly failure: Failure | null }) {
  return (
    <main className="gate">
      <div className="gate__card">
        <h1>
          <Brand />
        </h1>
        {failure ? (
          <Message tone="warn">The server does not answer. Trying again each 3 seconds.</Message>
        ) : (
          <p className="gate__hint" role="status">
            Signing in…
          </p>
        )}
      </div>
    </main>
  );
}
