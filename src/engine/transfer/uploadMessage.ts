import type { TransferMessage } from '../net/transferMessages';
import type { Frame } from './framePool';
import type { Job } from './uploadQueue';

/** Reads what a job asks for. @param frame memory for chunks. @throws as the reader does. */
export async function messageOf(job: Job, frame: Frame | undefined): Promise<TransferMessage> {
  const { handle, share } = job;
  switch (job.kind) {
    case 'manifest':
      return { type: 'manifest', handle, bytes: share.reader.manifest.bytes };
    case 'hashes': {
      const bytes = await share.reader.hashes(job.group);
      return { type: 'hashes', handle, group: job.group, bytes: bytes ?? new Uint8Array() };
    }
    case 'chunks': {
      const { first, count } = job.range;
      return { type: 'data', handle, first, bytes: await share.reader.read(first, count, frame?.memory) };
    }
  }
}
