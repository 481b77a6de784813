"""Decay descriptors: notations, names, and sentences for what is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr.errors import DecayError, UnknownNameError
from lamarr.generation import conjugate, parse_decay, particle_id, species
from lamarr.generation.species import species_name


@pytest.mark.parametrize(
    ("text", "pids", "both"),
    [
        (
            "[Lambda_b0 -> (Lambda_c+ -> p+ K- pi+) mu- anti-nu_mu]cc",
            [5122, 4122, 13, -14, 2212, -321, 211],
            True,
        ),
        (
            "[B_s0 -> (J/psi(1S) -> mu+ mu-) (phi(1020) -> K+ K-)]cc",
            [531, 443, 333, -13, 13, 321, -321],
            True,
        ),
        ("[B0 -> (K*(892)0 -> K+ pi-) gamma]cc", [511, 313, 22, 321, -211], True),
        ("B0 => ( K*(892)0 ==> K+ pi- ) gamma", [511, 313, 22, 321, -211], False),
        ("[B0->(K*(892)0->K+ pi-)gamma]CC", [511, 313, 22, 321, -211], True),
        ("[B0 --> ^(K*(892)0 --> ^K+ ^pi-) ^gamma]cc", [511, 313, 22, 321, -211], True),
        ("Xi_b- -> J/psi Xi-", [5132, 443, 3312], False),
        (
            "D*(2010)+ -> (D0 -> (KS0 -> pi+ pi-) pi0 pi0) pi+",
            [413, 421, 211, 310, 111, 111, 211, -211],
            False,
        ),
        ("tau- -> pi- pi+ pi- nu_tau", [15, -211, 211, -211, 16], False),
    ],
)
def test_notations_of_lhcb_are_understood(text, pids, both):
    decay = parse_decay(text)
    assert [n.pid for n in decay.head.walk()] == pids
    assert decay.both is both
    assert parse_decay(str(decay)) == decay


@pytest.mark.parametrize(
    ("names", "pid"),
    [
        (("nu_mu~", "anti-nu_mu", "nu(mu)~", "nu_mu_bar", "-14"), -14),
        (("J/psi", "J/psi(1S)", "Jpsi_1S", "Jpsi"), 443),
        (("phi", "phi(1020)"), 333),
        (("KS0", "K_S0", "K(S)0", "KS"), 310),
        (("D*+", "D*(2010)+"), 413),
        (("anti-K*0", "K*(892)~0", "anti-K*(892)0", "K*~0"), -313),
        (("p~-", "anti-p-", "pbar", "p~"), -2212),
        (("Lambda_b~0", "anti-Lambda_b0", "Lambda(b)~0"), -5122),
        (("Sigma_c++", "Sigma_c(2455)++", "Sigma(c)(2455)++"), 4222),
        (("deuteron", "1000010020"), 1000010020),
    ],
)
def test_names_of_all_schemes_and_aliases(names, pid):
    assert [particle_id(n) for n in names] == [pid] * len(names)


COMMON = (
    11,
    13,
    15,
    12,
    22,
    111,
    211,
    113,
    213,
    310,
    321,
    313,
    333,
    411,
    421,
    413,
    431,
    443,
    511,
    521,
    531,
    541,
)
BARYONS = (2112, 2212, 3122, 3112, 3222, 3312, 3334, 4122, 4132, 4232, 4332, 5122, 5132, 5232, 5332)


@given(st.sampled_from(COMMON + BARYONS), st.booleans())
def test_names_and_conjugates_go_both_ways(pid, anti):
    pid = conjugate(pid) if anti else pid
    assert particle_id(species_name(pid)) == pid
    assert conjugate(conjugate(pid)) == pid
    assert species(conjugate(pid)).charge == -species(pid).charge
    assert species(conjugate(pid)).mass == species(pid).mass


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("[Lamda_b0 -> p+ K-]cc", UnknownNameError, "'Lamda_b0'; near misses: Lambda_b0"),
        ("B0 -> K+ pi+", DecayError, r"charge .* B0 \(charge 0\) -> K\+ pi\+ has charge \+2"),
        ("B+ -> K+ K-", DecayError, r"B\+ \(charge \+1\) -> K\+ K- has charge 0"),
        ("D0 -> (phi(1020) -> K+ K-) K+ K-", DecayError, r"D0 \(1864\.\d\d MeV\) .* at least 987"),
        ("K+ -> pi+ pi+ pi- pi0", DecayError, r"K\+ \(493\.68 MeV\) .* = 553\.6\d MeV"),
        ("J/psi -> B+ B-", DecayError, r"at most 3098.* 5279\.\d\d MeV \+ 5279"),
        ("B0 -> (K*(892)0 -> K+ pi- gamma", DecayError, r"closing '\)' is missing"),
        ("B0 -> K+ pi-)", DecayError, r"'\)' is not expected"),
        ("B0 -> K*(892)0 -> K+ pi-", DecayError, "needs parentheses"),
        ("B0 K+ pi-", DecayError, "arrow '->' must follow 'B0'"),
        ("B0 -> K+", DecayError, "two or more"),
        ("-> K+ pi-", DecayError, "name of a particle is expected"),
        ("", DecayError, "the end was found"),
        ("[B0]cc -> K+ pi-", DecayError, "enclose the whole decay"),
        ("[B0 -> K+ pi-", DecayError, "enclose the whole decay"),
        ("B0 -> s K+", UnknownNameError, "integer charge"),
    ],
)
def test_what_is_wrong_is_said_with_names_and_numbers(text, error, words):
    with pytest.raises(error, match=words):
        parse_decay(text)


@given(st.text(alphabet="BK0+-> ()[]c*pimu^=", max_size=40))
def test_no_text_crashes_the_parser(text):
    try:
        decay = parse_decay(text)
    except (DecayError, UnknownNameError):
        return
    assert decay.head.daughters


def test_broad_resonances_may_be_lighter_than_their_nominal_mass():
    # 990 MeV > 2 × 493.7 MeV, but the nominal a0 is lighter than K+ K-.
    assert parse_decay("a_0(980)0 -> K+ K-").head.mass_range[0] == pytest.approx(2 * 493.677, abs=0.01)
