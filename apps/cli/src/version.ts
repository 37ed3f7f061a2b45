/** Version of this client and of the protocol it speaks. */

export const version = '0.1.0';
export const protocol = 'v1';
