// Files that Vite turns into addresses or style sheets.
declare module "*.mjs?url" {
  const address: string;
  export default address;
}
