import type { Enrolment } from "../../api/types.ts";
import "./account.css";

/** What an authenticator app is enrolled with: a picture to scan, and the same to type in. */
export function EnrolmentCard({ enrolment }: { readonly enrolment: Enrolment }) {
  const groups = enrolment.secret.match(/.{1,4}/g) ?? [];
  return (
    <div className="enrolment">
      <img
        className="enrolment__picture"
        src={`data:image/svg+xml,${encodeURIComponent(enrolment.qr_svg)}`}
        alt="QR code for an authenticator app"
        width={196}
        height={196}
      />
      <p className="enrolment__typed">
        <span className="field__label">Or type this key in</span>
        <code data-testid="totp-secret">{groups.join(" ")}</code>
      </p>
    </div>
  );
}
