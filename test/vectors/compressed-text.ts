import { ascii, noise } from './bytes.js';

/** A text of 156 867 bytes, and what zstd makes of a record of it at offset 4096. */

const words = 'the block of a volume that snapshot holds is written before origin and record zeros'.split(
  ' ',
);

/** Words, and behind every third a long line of dashes and a number. */
export const text: Uint8Array = ascii(
  Array.from(noise(5, 500), (choice, i) =>
    i % 4 === 3
      ? `\n${'-'.repeat(1200 + (choice & 63))}\n${choice * i} `
      : `${words[choice % words.length]!} `,
  ).join(''),
);

/**
 * Two blocks each. The first has four streams of literals, a Huffman tree that is itself compressed, and tables of its own for all
 * codes. The second has the tree of the first, and tables of its own too; of `zstd -19` only one, beside one of the first block's and a
 * predefined one.
 */
export const frames = {
  'zstd -3':
    'KLUv/aTPZAIADCwApiVcJHCnSRv8/////yER+p9p/9DZH/9fT1VVnMju3lzHdP1qr+v9AWsATABIACevadqwSAQcFpl7ztddKBSO' +
    'cihw4CBBYEg+mjIDuW35KINmBsIwHCSJYnMjpXEkGuUwb0SSWC6HRYI4GBTFodFAFgnKKrmRJBgGDgWjHBKNwkgWBwXld8EEBCQH' +
    'BkWBDEAWyQIDAAIhAIEQZNMhsl15Ul9mIKS55Mv5nTd1fu6zu/IUphmIIZJUVM/OkvFwyFhzdD7KzZd8af5dWu02s92uTsnH6enK' +
    'IZdS+srMiOTOzEcxKI6SGVp7lw+9lOf0zql5a8r3KufteU5vur8Wy3RW1TPPqJIJKW275kIBT+kpW2Q+dd4qterNcywzFd6Ye+VB' +
    'urW2/Nvy8fuWVaalCmbms/V3R017a6XfWlVmrK/tzsjHxHuuynSU6Jo1fs06p7Izj25ctLJ97356SsnHVS19IuuNnvFnNjwKDVq6' +
    'rMhV9fMY4jmBYqhxysigSUFSowORBIYQ4U46yfEBEqCRGMxkIEMhiBhCBIQQQgghREAIIQIiKMInfi1KduOwM8Pgy0734ASxvgmh' +
    'MCH73toiDX++2DMupicQKNvbGJXblHmd4m7jE3whNp5I4giH45cKgfpbViQTbkTj/yQ41X1pZNBCHeCbNvn+FHV2blKjuETSiFTF' +
    'WjPWBYcND9rZWsMhm9is0TVLG8zZ+dhnkzGh3vFtfdW2l2F6rjFhVNRsXna6/HfS3MZ0+ERZVrG8QE7RF1foMBeBN3BjKw3EadKy' +
    'OR14JXF4pNL2qVOdKXVGrOELZGehLD57jRSMUfv25jyK+vUuzuERmcbP1Fpna2KrN9TaQvKmJ7WdIhppovT6tCbTUxRdMP21o/TL' +
    '83XKA+mZOOWH0VxXBPAt1fPcHpIYVOeYO5zBrBo2xfGyKj1c1E8NQOZCoOFygO3Uzp9hV2PImQYuYpTlGEEhaWiLEQsvtDmcVYOc' +
    'S8hQ35LpS4fbKrtzd1bNMJsGpsvW6FPqOJjK+UKmPZqPFIPMQKy/mib9nOkNLybSDG6wJgzuEvOxMuWw4STTTnP7ZsZ5KJsBozne' +
    'wck+GipkUEYIQWxptQiXrNhOzOtGhqv7MG+G0Ya4Vxr/fnAIhkNupivMPNiG3k24hdKVbgjvnBnFYRaYdOQosWbIIhbO1M7JsHJO' +
    'yaBimnUltepE1Uhe4cJjUqrDApx9uDYpmUSu3sQpiJ+h0gsK2Hyh80eUh+mMWrBMZwhU2pfOSYvWbxtosnrEL0+bwhWvcMM+GGGa' +
    'yYNxMmlcF11/f+jY2amuMbauOndpmd7ChIdS+COAa8pXBcb0SzRxnIAbng9M01DywO/OQmjd0CL4ZaeT8N9Lo9+hdj1Vs13cwxE3' +
    'DLyvFQsMwYR+S9DZpkQm18awXzcsiJAWl7PItt1/hjWrK4G9jVCMgn2GO0gYkWye/SUxv9R5W4ABEe08GFN2lmeCTdcdqmhd4II5' +
    'Hcv1k02nIYIsG3eAI7oPCOszyinOoFq+jaPgOYS71MItuTgxbfywEtImJ74sP82wsf51YF0anYrMSoQEO/HksHUIdJs/l1Lz+0Dv' +
    'B3t+eow3uqypdWp4TC0hHIQmmCwDnQQldib/DBlfcgoCFVGVHxmPssvmHNQnj33ocA6CLax/lUvkhNpVvyoOd0UinpcS0WBwCH7O' +
    'EUxsHcLDW+PwuLYxr3HFxtUbMcuFG9Ker6Gkfn4RRzLhFZ/MWdXQfUgjOY/H0UUbxQPDRtMNLzgC4nIiijVk+gU5u9BruNT8WqC5' +
    'OSQEDoZ6ZR6NgA7X3lCyQwtjjVol9olqEYfJjt48W+LLQNVqkH5pEGXGYz/XBjiPsWkno47USg4zHqOLNa/1FjA2Yv38igf9CAAT' +
    'xgvlyvLG9VGQDNVbRDbUe+kqKb1GH7Lm07/Fum4l+cg52cya6puXD60yYf6Vxqq7EEeoYCWNOrEExgg7DCom8QMSIII0hfIoxQiM' +
    'EWaMEnaE/x0/wbQcieVVCjmJIiy0nstieUEDZea0xyrhK5/MOUw1gwoDTbGF2JjZE5y4U0C1NUftPOuMIg9l9DHRMc+OPqAgi2Rm' +
    'sfcswZeaGKZmsEVL4rfqJ5qTmHCyzGaIImBVy0+n6DiUmd1ETxCTAaiGa86nnsl9ezbT1cu0oyV0K2LA0Sh90e32WboErpvG21DH' +
    'NTYYBU+4F16Ut2IFgk/gf5e9mMgGTGZXg/Iem9LTEABb/NeRLfeXY0LQ5bUCinBpNqzOEzOEqcqkRQpcI9BKmDU=',
  'zstd -19':
    'KLUv/aTPZAIAfCkAVihiIaAn6f///wxn9rd2ltp8QW1tt6X/cEkpt5RJAgpsa1UN/nEAUgBOAArinRGDWCAm8+U9TSMYCkGCkbno' +
    'vN3HcSAmkbCAoDDcKWOReUnMb82IoXNekgWBoCjM0ZKYBqJoGDxZoOQxmwRDKUgMmEWi0UgYDWa13FAUiwKyWExC0TCLwkg4mN+H' +
    'DwgUhAGzSAwShvKACAAAEAAIxzUviUEM2v2/NPNRW1Y+pSrfoZlSb16S0twyJuVP/Vu783TjIZrJzpIgpR41LR08VD5GWGjEIH3L' +
    'iCHMI6b17rv7LRA01EJeT1tS2bTSaHcuCGZH052DRrW9U81LeLyVaMJKL6GebY3MeDMnLhoJ9S48mm97zHQqtKrimUi1XOd2z+eV' +
    'JrtdEjoZes3Uqj/Tj53Lzo1655OL5tOp+1Bbc3RLYo63/i6prxZJ67ea2fnYD/HKP3luIjRzYeWxqdH6fM9Lor81E73MhXcm1n32' +
    'nPm+eNPpaSTT8lUv/VIkRR/HcdA53h3EFJ1bEnM7K1uBLKhBCiJzKUnqdFEUQoiQCJ2GkvIBIlgcyOUwCEIYhIEQIREQQoiAECIg' +
    'AiIggkKER/wvBmISQRaD1H9DwcQJYikyzs7BL/aRLjC+FUuH5H+bR8nGWEJf2lcEX2gBAhoIpwdPNcvkCiabAAD+fxOnun34eFuo' +
    'k3NrNLfJ9ytSGwHgmCA2HVQIq6mQ6nXQdb4PKWCYwtViQXHZUwb0JmMyTnUgrZ9pGuhkTOBNzc++7HR2mseOTFCDcjV4tlpBOaiH' +
    'qtIs5jRxswCJwgqJ6jWljm5H1A6TNCScqX2kZNM7K9evA5r23OhDFfSoJ2OTHZIlfglDp4nSLdeaykdF85gYdv5Qd5DxDjtWMXqh' +
    'OHwfPEtUIYkHR8fcFINZBW+cezGOl1U1DhISh5M2QWM3FTTdxkUAsxwjvCQdCgrZYGhzjPJcBYHR3ihmByidmtSmgZGylYxSl8NU' +
    'jsog0who2r7iHMfmqz1QhiHMjwrhx4v5WOF72HAo004zfROWPNRlhu11zMk1V8cyQgiPs1DaJh5ar5wXdBmjzdlaHO+ZaGkNHQ6J' +
    'flRdKbJ0w7oL6yFMOhLKzW0dYnO/TVaMwBpOl6vJDJxeDpNiVR3aGslrg3hMqla+JvJirHMvT2VOQaz8OYcbXA/KYtQnM50hFXLz' +
    'iPmYLAdirR4xs7lN4ToVbKIzefDFSZ9ddM2scIOPwfcFDVFUIVMy3QwTHr7ljyg6Nv+57pZu8mCaRpsS+B0vlOZ1+OVIM9eXRtNt' +
    'jTDUELzEDT03PN7NEQzBJHpL7N6GdJBZmtHofl1VECkv3Jyatp6wlDByzeoKRPU50Skva73t+nqMA82h9GCi2aEYYMxF4kwn0lwt' +
    '6II5vaCA4rRZTUedbNwpC3LUSdcRDQzWTXhOz0st3E9cHHJ2bEZuwTaHJm0qPBmjCBsKNmd+cHl0nGRWYivY8cpha4rrNliXUj/v' +
    'A0FaZLwBZR3n1ASZWuJsFppKWi4FkyBzZ8I+kFEBBLlpXLpMfs4CyrbE4xFzDdCxGjoeAV4NGfZxo0nqYBRHZaNFkAxOqJ6TChNb' +
    '7TqjjEOl6pjXjGPT2kW9PJhZzRVSW8GIIyLSAS2T1coNfx/+SA5mI3XRRtMDG9W01QuO6MWQTqxZpl/y7MKFeE5gCzSQQwKbYCoW' +
    '46ShQ3sifvqGseZbif4E1Qj4/ZKNwzx7FptmAGM7B+a2Jw4/wKwxPo+zOpRR55FIzgmYo4s1Wt3i+pYhvwIIA8UHAOPGDQbt8qbT' +
    'WSMGMafu6NodvQlz0XKvTkfz6eMeKrvSWpY36WVCzC/vTKSpRrr5+GmdPJV/S/+Y3QEz4FEIQoQ1jiHm6APCtBI/LK8uhnCRivu/' +
    'qqZoUHPaI/+/IU5MNQN9ggb2LtWq/TEsYRVPrVKMs2xCc+Tgv3QTmye/yYrhEsePmn8B9eecyKGawZZPElkIniGLmWHY4b8Nq4rv' +
    'p5MunDOCPk3pRrNNp6P/tBYtNUcb0ne/NXQ0bl3D6Hb659jFtLQPXzoaYkwS9hc+AbPOSEK/YKkZQq+Dwxv27NO/JnYOSs2/aHxc' +
    '31iWkp+EvRzNRGdQBSgB0EqYNQ==',
} as const;
