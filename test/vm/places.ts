/** Empty disks of the guest, as long as a case has not written to them. */
export const disks: readonly string[] = (process.env['DISKS'] ?? '').split(' ').filter((name) => name !== '');

/** An empty folder in memory, for one case. */
export const scratch = '/run/scratch';

/** What is written here is on the host afterwards, in the folder that the suite names; otherwise undefined. */
export const sharedFolder: string | undefined = process.env['SHARED_FOLDER'] || undefined;
