/** Sent with each request: a page of another site cannot send it, and over plain http that is all that tells the server so. */
export const ownPage = { 'x-requested-with': 'belfry-viewer' };
