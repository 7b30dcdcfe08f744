"""DAVIS 2017 at 480p: all 90 sequences of its training and validation parts."""

from __future__ import annotations

from .recipe import Published, Recipe

# Each sequence with its number of frames: 4209 of the training part, 1999 of the validation part.
_WORDS = """
bear 82, bike-packing 69, blackswan 50, bmx-bumps 90, bmx-trees 80, boat 75, boxing-fisheye 87,
breakdance 84, breakdance-flare 71, bus 80, camel 90, car-roundabout 75, car-shadow 40,
car-turn 80, cat-girl 89, classic-car 63, color-run 84, cows 104, crossing 52, dance-jump 60,
dance-twirl 90, dancing 62, disc-jockey 76, dog 60, dog-agility 25, dog-gooses 86, dogs-jump 66,
dogs-scale 83, drift-chicane 52, drift-straight 50, drift-turn 64, drone 91, elephant 80,
flamingo 80, goat 90, gold-fish 78, hike 80, hockey 75, horsejump-high 50, horsejump-low 60,
india 81, judo 34, kid-football 68, kite-surf 50, kite-walk 80, koala 100, lab-coat 47,
lady-running 65, libby 49, lindy-hop 73, loading 50, longboard 52, lucia 70, mallard-fly 70,
mallard-water 80, mbike-trick 79, miami-surf 70, motocross-bumps 60, motocross-jump 40,
motorbike 43, night-race 46, paragliding 70, paragliding-launch 80, parkour 100, pigs 79,
planes-water 38, rallye 50, rhino 90, rollerblade 35, schoolgirls 80, scooter-black 43,
scooter-board 91, scooter-gray 75, sheep 68, shooting 40, skate-park 80, snowboard 66, soapbox 99,
soccerball 48, stroller 91, stunt 71, surf 55, swing 60, tennis 70, tractor-sand 76, train 80,
tuk-tuk 59, upside-down 65, varanus-cage 67, walking 72
""".replace(",", "").split()

DAVIS = Recipe(
    name="davis",
    title="DAVIS 2017, 480p, training and validation sequences",
    scenes=dict(zip(_WORDS[::2], map(int, _WORDS[1::2]), strict=True)),
    fps="24",
    licence="for research; no licence text comes with the frames (its evaluation code is BSD)",
    citation="Pont-Tuset et al., The 2017 DAVIS Challenge on Video Object Segmentation, 2017",
    page="https://davischallenge.org/davis2017/code.html",
    file=Published(
        "DAVIS-2017-trainval-480p.zip",
        ("https://data.vision.ee.ethz.ch/csergi/share/davis/DAVIS-2017-trainval-480p.zip",),
    ),
    layouts=("JPEGImages/480p/NAME", "480p/NAME", "NAME"),
    get=(
        "DAVIS-2017-trainval-480p.zip of davischallenge.org, or its folder JPEGImages/480p with "
        "90 scenes of 6208 frames"
    ),
)
