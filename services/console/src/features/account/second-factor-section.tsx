import { useId, useState } from "react";
import type { Failure } from "../../api/problem.ts";
import type { Enrolment } from "../../api/types.ts";
import { useObservable } from "../../observable.ts";
import { useRuntime } from "../../runtime-context.ts";
import { ConfirmForm } from "./confirm-form.tsx";
import { ProofForm } from "./proof-form.tsx";
import type { Proof } from "./store.ts";

interface SecondFactorSectionProps {
  readonly onFailure: (failure: Failure | null) => void;
  readonly onCodes: (codes: readonly string[]) => void;
}

/** What the person is about to do, each of which asks for the password. */
type Task = "enrol" | "renew" | "remove";

const WORDS: Readonly<Record<Task, string>> = {
  enrol: "Set up an authenticator app",
  renew: "Make new recovery codes",
  remove: "Remove the second factor",
};

/** The authenticator app and the recovery codes. */
export function SecondFactorSection({ onFailure, onCodes }: SecondFactorSectionProps) {
  const { account } = useRuntime();
  const status = useObservable(account.secondFactor);
  const [task, setTask] = useState<Task | null>(null);
  const [enrolment, setEnrolment] = useState<Enrolment | null>(null);
  const id = useId();
  if (!status) return null;

  const take = <T,>(
    given: { readonly value: T } | { readonly failure: Failure },
    use: (value: T) => void,
  ) => {
    onFailure("failure" in given ? given.failure : null);
    if ("failure" in given) return;
    setTask(null);
    use(given.value);
  };
  const prove = async (proof: Proof) => {
    if (task === "enrol") take(await account.begin(proof), setEnrolment);
    if (task === "renew") take(await account.renewCodes(proof), onCodes);
    if (task === "remove") {
      const failure = await account.remove(proof);
      onFailure(failure);
      if (!failure) setTask(null);
    }
  };
  const confirm = async (code: string) => {
    take(await account.confirm(code), (codes) => {
      setEnrolment(null);
      onCodes(codes);
    });
  };
  const tasks: Task[] = status.enrolled ? ["enrol", "renew"] : ["enrol"];
  if (status.enrolled && !status.required) tasks.push("remove");

  return (
    <section className="account__section" aria-labelledby={id}>
      <h3 id={id} className="account__title">
        Second factor
      </h3>
      <p className="account__note">
        {status.enrolled
          ? `An authenticator app is set up; ${status.recovery_codes_left} recovery codes are left.`
          : "Off. A code of an authenticator app would be asked for after the password."}
        {status.required && " Your role needs one."}
      </p>
      {enrolment && (
        <ConfirmForm
          enrolment={enrolment}
          onConfirm={confirm}
          onCancel={() => setEnrolment(null)}
        />
      )}
      {task && (
        <ProofForm
          purpose={WORDS[task]}
          asksForCode={status.enrolled}
          onProve={prove}
          onCancel={() => setTask(null)}
        />
      )}
      {!task && !enrolment && (
        <div className="account__actions">
          {tasks.map((each) => (
            <button key={each} type="button" className="button" onClick={() => setTask(each)}>
              {each === "enrol" && status.enrolled ? "Set up another app" : WORDS[each]}
            </button>
          ))}
        </div>
      )}
    </section>
  );
}
