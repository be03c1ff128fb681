/** What the kernel `planeVertices` is told, member after member of a structure in the window. */
export enum PlaneArgument {
  /** A plane of `rows` rows of `pitch` bytes, and which of its rows are looked at. */
  plane,
  fromRow,
  toRow,
  rows,
  pitch,
  /** Coordinates of the first voxel within the border; z is the plane's. */
  x0,
  y0,
  z,
  /** Number of the first vertex. */
  firstId,
  /** Receive the numbers (uint32) of vertices along x and along y, at the place of the lower neighbour. */
  xs,
  ys,
  /** Receives the vertices. */
  vertices,
}

/** What the kernel `crossVertices` is told: as `PlaneArgument`, between two planes; z is the lower one's and one half. */
export enum CrossArgument {
  lower,
  upper,
  fromRow,
  toRow,
  pitch,
  x0,
  y0,
  z,
  firstId,
  /** Receives the numbers of vertices along z. */
  zs,
  vertices,
}
