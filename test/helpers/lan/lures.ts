/** Addresses of the internet that a hostile peer names, one for each way of naming one. Nothing of a test gets there. */
export const LURES = {
  serverAddress: '9.9.9.1',
  closerNode: '9.9.9.2',
  holepunchRelay: '9.9.9.3',
  ownAddress: '9.9.9.5',
  relayedHandshake: '9.9.9.7',
  relayedAnswer: '9.9.9.8',
  relayedHolepunch: '9.9.9.9',
  clientAddress: '9.9.9.10',
  forgedSender: '9.9.9.11',
  forgedBeacon: '9.9.9.12',
} as const;
