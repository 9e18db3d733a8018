/** What `--pod` takes, for the help of the commands that have it. */
export const POD_HELP = 'only packets from and to a pod: web, shop/web, n2/web, or deploy/web, the first pod of it';
