/** All that a page loads once somebody is there to touch it; the editor and KaTeX come when asked for. */

export { startWorkbench } from "./cell/workbench";
export { runtime } from "./runtime/client";
export { startEngine } from "./widget/engine";
