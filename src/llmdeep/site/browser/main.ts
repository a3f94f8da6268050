/**
 * The page's entry. It only names the elements; whatever is heavy (the editor, Python, KaTeX) is
 * loaded when a reader asks for it. In-site navigation swaps the page's content, and the elements
 * mount and leave by themselves.
 */

import { keepPageOnJumps } from "./anchors";
import { registerCell } from "./cell/cell";
import { showContentsToKeys } from "./contents";
import { quietCopyButtons } from "./landmarks";
import { prepareOffline } from "./offline/register";
import { settle } from "./settle";
import { loadThemeWithReader } from "./theme";
import { registerWidget } from "./widget/widget";

registerWidget();
registerCell();
quietCopyButtons();
keepPageOnJumps(); // before the theme listens
showContentsToKeys();
loadThemeWithReader();
prepareOffline();
settle();
