/* SPDX-License-Identifier: MIT */
#ifndef BSI_CHUNK_POLYNOMIAL_H
#define BSI_CHUNK_POLYNOMIAL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Polynomials over GF(2), as 64-bit integers: bit i is the coefficient of x^i,
 * addition is exclusive or. What is multiplied and reduced here has a modulus
 * of degree 1 to 56.
 */
enum { BSI_POLYNOMIAL_DEGREE_MAX = 56 };

/* Index of the highest bit set; -1 for 0. */
int bsi_polynomial_degree(uint64_t polynomial);

/* The remainder of a * b; both are of lower degree than the modulus. */
uint64_t bsi_polynomial_multiply(uint64_t a, uint64_t b, uint64_t modulus);

/* Whether it has no factor but itself and 1 (Ben-Or, 1981). False outside of degree 1 to 56. */
bool bsi_polynomial_is_irreducible(uint64_t polynomial);

#endif
