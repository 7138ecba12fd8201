// What is lost: the error as a picture and as a number.

import { fromBytes, toBytes } from "../shared/bytes.js";
import { paintDifference } from "../shared/pictures.js";
import { score } from "../shared/vqvae.js";

export class Worth {
  constructor(story) {
    this.story = story;
  }

  show() {
    const { $, network, pass, job, image } = this.story;
    paintDifference($.error, job.pixels, toBytes(pass.pixels), image);
    $.nmse.textContent = score(network, fromBytes(job.pixels), pass.pixels).nmse.toFixed(3);
  }
}
