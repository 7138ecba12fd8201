// The model as the test of its forward pass calls it in an empty page.

import { fromBytes } from "../../pages/ui/components/shared/bytes.js";
import * as vqvae from "../../pages/ui/components/shared/vqvae.js";

export default { ...vqvae, fromBytes };
