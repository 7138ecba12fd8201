// The codes that draw a picture best are torch's.

import assert from "node:assert/strict";
import { test } from "node:test";
import { improve } from "../../pages/ui/components/shared/best_codes.js";
import { fromBytes } from "../../pages/ui/components/shared/bytes.js";
import * as vqvae from "../../pages/ui/components/shared/vqvae.js";
import { bytesOf } from "../../pages/ui/components/shared/wire.js";
import { reference } from "./reference.js";

const { description, pixels, codes } = reference.best;
const network = vqvae.load(description);

test("where a code's ink reaches far, each change lowers the error of the whole picture, too", () => {
  const far = reference.passes.find(({ name }) => name === "elsewhere");
  const other = vqvae.load(far.description);
  const { height, width, channels } = other.image;
  const picture = fromBytes(bytesOf(far.pixels).subarray(0, height * width * channels));
  const followed = vqvae.reconstruct(other, picture).codes;
  const errorOf = () => vqvae.score(other, picture, vqvae.draw(other, followed)).mse;
  let changes = 0;
  for (const [cell, code] of improve(other, picture, followed.slice())) {
    const before = errorOf();
    followed[cell] = code;
    assert.ok(errorOf() < before);
    changes++;
  }
  assert.ok(changes > 0);
});

test("cell by cell, a picture comes to torch's codes, and each change is told and lowers the error", () => {
  const picture = fromBytes(bytesOf(pixels));
  const nearest = vqvae.reconstruct(network, picture).codes;
  const wanted = new Int32Array(bytesOf(codes).buffer);
  const found = improve(network, picture, nearest);
  const followed = nearest.slice();
  let step = found.next();
  for (; !step.done; step = found.next()) {
    const [cell, code] = step.value;
    const before = vqvae.score(network, picture, vqvae.draw(network, followed)).mse;
    followed[cell] = code;
    assert.ok(vqvae.score(network, picture, vqvae.draw(network, followed)).mse < before);
  }
  assert.deepEqual([...step.value], [...wanted]);
  assert.deepEqual([...followed], [...wanted]);
  assert.notDeepEqual([...nearest], [...wanted]);
});
