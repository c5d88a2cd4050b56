import type { GgmlType } from '../../ggmlTypes';
import type { EncodedType } from './encodedTypes';

/** Bytes that stay as they are. */
export interface CopyPiece {
  readonly kind: 'copy';
  /** Positions in the base and in the merged file. */
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
}

/** Whole rows of one tensor that changes. What is said of rows counts from the first one of the piece. */
export interface RowsPiece {
  readonly kind: 'rows';
  readonly name: string;
  /** The same for all pieces of one tensor: `a` is the same too. */
  readonly tensor: number;
  readonly rows: number;
  /** Values a row. */
  readonly width: number;
  /** Position in the merged file. */
  readonly to: number;
  readonly bytes: number;
  readonly type: EncodedType;
  /** Where it starts from: bytes of the base, or values. Neither is zeros. */
  readonly source?: { readonly type: GgmlType; readonly from: number; readonly length: number };
  readonly replacement?: Float32Array;
  readonly low: readonly LowPiece[];
  readonly magnitudes?: Float32Array;
  readonly addend?: Float32Array;
  readonly replaced?: readonly ReplacedRow[];
}

export interface ReplacedRow {
  readonly row: number;
  readonly values: Float32Array;
}

export interface LowPiece {
  readonly rank: number;
  readonly factor: number;
  /** [rank, width], of all rows. */
  readonly a: Float32Array;
  /** [rows, rank]. */
  readonly b: Float32Array;
}

export type Piece = CopyPiece | RowsPiece;

/** What can be wrong with the values of a piece. Found before they are written. */
export type PieceProblem = 'not-finite' | 'too-large';
