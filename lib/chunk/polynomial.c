/* SPDX-License-Identifier: MIT */
/*
 * As much of the arithmetic of GF(2)[x] as choosing and checking a chunker's
 * polynomial takes. Nothing here is called more than a few times a repository.
 */
#include "chunk/polynomial.h"

int bsi_polynomial_degree(uint64_t polynomial)
{
    int degree = -1;

    while (polynomial != 0) {
        polynomial >>= 1;
        degree++;
    }
    return degree;
}

static uint64_t remainder_of(uint64_t a, uint64_t modulus)
{
    const int degree = bsi_polynomial_degree(modulus);
    int excess = bsi_polynomial_degree(a) - degree;

    while (excess >= 0) {
        a ^= modulus << excess;
        excess = bsi_polynomial_degree(a) - degree;
    }
    return a;
}

uint64_t bsi_polynomial_multiply(uint64_t a, uint64_t b, uint64_t modulus)
{
    const uint64_t top = (uint64_t)1 << bsi_polynomial_degree(modulus);
    uint64_t product = 0;

    for (; b != 0; b >>= 1) {
        product ^= b & 1 ? a : 0;
        a <<= 1;
        a ^= a & top ? modulus : 0;
    }
    return product;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        const uint64_t rest = remainder_of(a, b);
        a = b;
        b = rest;
    }
    return a;
}

bool bsi_polynomial_is_irreducible(uint64_t polynomial)
{
    const uint64_t x = 2;
    const int degree = bsi_polynomial_degree(polynomial);
    uint64_t power = x; /* x^(2^i) */

    if (degree < 1 || degree > BSI_POLYNOMIAL_DEGREE_MAX) {
        return false;
    }
    for (int i = 1; i <= degree / 2; i++) {
        power = bsi_polynomial_multiply(power, power, polynomial);
        if (common_divisor(polynomial, power ^ x) != 1) {
            return false;
        }
    }
    return true;
}
