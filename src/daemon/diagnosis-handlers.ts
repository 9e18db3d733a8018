/** What the control server asks of the daemon to find out where packets went. */
// eslint-disable-next-line
export interface DiagnosisHandlers {}
