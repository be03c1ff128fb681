/** What the kernel `drawTriangles` is told, member after member of a structure in the window. */
export enum TrianglesArgument {
  /** `count` triangles of three vertex numbers (uint32), counted from `first` on. */
  triangles,
  count,
  first,
  /** Vertices in pixels, and their normals, four float32 each. */
  vertices,
  normals,
  label,
  /** Columns of the picture, and the rows [top, bottom) that the buffers hold. */
  width,
  top,
  bottom,
  depths,
  directions,
  labels,
}

/** What the kernel `measureOpenness` is told. */
export enum OpennessArgument {
  /** Buffers of `height` rows, and which of them are looked at. */
  depths,
  directions,
  labels,
  width,
  height,
  fromRow,
  toRow,
  /** Four sets of `count` neighbours: x, y, 1 / distance and weight in float32. */
  neighbours,
  count,
  /** Most columns that a neighbour lies away. */
  reach,
  strength,
  /** Receives a byte for each pixel. */
  openness,
}

/** What the kernel `shadePixels` is told. */
export enum ShadingArgument {
  /** Buffers of `count` pixels. */
  depths,
  directions,
  labels,
  /** From `measureOpenness`; 0 for none. */
  openness,
  count,
  /** Red, green, blue and nothing (float32) of each label. */
  colors,
  opacity,
  /** Depths (float32) of what is drawn already; 0 for nothing. */
  covering,
  /** Depth of what is nearest, and 1 / depth of the whole. */
  nearestDepth,
  depthScale,
  /** RGBA, in and out. */
  pixels,
}
