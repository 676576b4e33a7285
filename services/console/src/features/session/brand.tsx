/** The product's mark and name. */
export function Brand() {
  return (
    <span className="brand">
      <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
        <rect className="brand__plate" width="32" height="32" rx="8" />
        <path
          className="brand__lines"
          d="M7 11.5h12M7 16h8M7 20.5h12"
          strokeWidth="2.6"
          strokeLinecap="round"
        />
        <circle className="brand__dot" cx="23" cy="16" r="4" />
      </svg>
      <span className="brand__name">Stream Manager</span>
    </span>
  );
}
