declare const __CONSOLE_VERSION__: string;

/** The package describes its smaller build with the types of the whole. */
declare module "hls.js/light" {
  export * from "hls.js";
  export { default } from "hls.js";
}
