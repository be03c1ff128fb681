/** What a network is given: one patch of an image. */
export interface NetworkPatch {
  /** Channels first, C order; it may be overwritten after `run` has ended. */
  readonly data: Float32Array;
  /** `(channels, a0, a1, a2)`, or `(channels, a1, a2)` for a 2-D network; slowest axis first. */
  readonly shape: readonly number[];
}

/**
 * A trained network in evaluation mode, without deep supervision and without a non-linearity at its end. Whatever runs
 * it, this is all that prediction asks for.
 */
export interface Network {
  /** Input channels, if the network says so. */
  readonly channels?: number | undefined;
  /** Output channels, if the network says so. */
  readonly classes?: number | undefined;
  /** Voxels of a patch along each of its two or three axes, where the network takes no other. */
  readonly patch?: readonly (number | undefined)[] | undefined;
  /**
   * Logits `(classes, ...)` on the patch's voxels, C order, in an array that belongs to the caller. Several predictions may
   * run at once.
   *
   * @param spare what an earlier run with a patch of this shape gave the caller, who needs it no more: a network may
   * write into it
   */
  run(patch: NetworkPatch, spare?: Float32Array): Promise<Float32Array>;
  /** Frees what the network holds. */
  dispose?(): Promise<void>;
}
