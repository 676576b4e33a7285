/** This build; see `vite.config.ts`. */
export const consoleVersion: string = __CONSOLE_VERSION__;
