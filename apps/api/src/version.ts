/** Version of this API and of the contract it speaks. */

export const version = '0.1.0';
export const protocol = 'v1';
