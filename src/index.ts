export const name: string = 'xenpci';
