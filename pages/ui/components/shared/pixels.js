// Pictures of the model on canvases.

/** Pixels of the model into a canvas at a place: grey or RGB, opaque. */
export function paint(canvas, bytes, { height, width, channels }, left = 0, top = 0) {
  const picture = new ImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let c = 0; c < 3; c++) picture.data[4 * pixel + c] = bytes[pixel * channels + (channels === 3 ? c : 0)];
    picture.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d").putImageData(picture, left, top);
}
