/** The browser that the tests drive, and what it needs to start. */
export const chromium: { readonly path: string; readonly args: readonly string[] } = {
  path: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // Chromium's sandbox refuses to run as root.
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
};
