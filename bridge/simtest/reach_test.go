package simtest

// reachable is what a million payments from seed 1 reached, as -table tells it: each fault by the state of the
// payment that it struck, and the points. A run fails when it misses what it should have reached enough times by
// these figures. When the stories change, measure anew: -payments 1000000 -table.
const reachable = `
"die before": none=167293 received=23827 armed=8236 sent=21400 seen=2977 acknowledged=1125 uncertain=8838 recovering=24588 held=20499 approved=19898 declined=18213 expired=516 not_sent=5587 reported=95088
"die after": none=101585 received=20936 armed=8126 sent=8300 seen=3030 acknowledged=1042 uncertain=5287 recovering=16211 held=7534 approved=17367 declined=16413 expired=440 not_sent=4997 reported=53061
"write lost": none=15751 received=12279 armed=10854 sent=9261 seen=5143 acknowledged=1653 uncertain=5837 recovering=5607 held=1608 approved=6413 declined=6187 expired=199 not_sent=1638 reported=16111
"write kept": none=15727 received=12358 armed=10808 sent=8834 seen=5345 acknowledged=1636 uncertain=5819 recovering=5786 held=1611 approved=6612 declined=6370 expired=170 not_sent=1616 reported=16400
"write as a ghost": none=11852 received=11567 armed=10707 sent=9121 seen=5195 acknowledged=1644 uncertain=5849 recovering=5669 held=1638 approved=4223 declined=4022 expired=104 not_sent=1069 reported=70
"read fails": none=149313 received=7262 armed=2074 sent=4771 seen=551 acknowledged=277 uncertain=5683 recovering=9467 held=11079 approved=25816 declined=23584 expired=571 not_sent=7585 reported=70960
"says full": none=54309 declined=3 not_sent=4 reported=4
"unreachable": none=28969 received=1784 uncertain=9 recovering=9366 held=240 approved=947 declined=945 expired=46 not_sent=308 reported=7994
"send fails": none=13830 received=1141 armed=5803 seen=1166 recovering=7979 held=107 approved=456 declined=441 expired=22 not_sent=142 reported=3593
"send cut": none=13753 received=1136 armed=5840 seen=1136 recovering=8237 held=108 approved=442 declined=450 expired=12 not_sent=136 reported=3529
"send lost": none=14022 received=1177 armed=5746 seen=1147 recovering=8198 held=127 approved=500 declined=476 expired=24 not_sent=148 reported=3525
"send twice": none=13906 received=1070 armed=5933 seen=1130 recovering=7999 held=122 approved=464 declined=434 expired=12 not_sent=148 reported=3531
"cut before": none=5486 received=448 armed=256 sent=4658 seen=23 acknowledged=492 recovering=3632 held=50 approved=180 declined=197 expired=3 not_sent=70 reported=1346
"cut after": none=5660 received=470 armed=260 sent=4758 seen=19 acknowledged=488 recovering=3616 held=42 approved=173 declined=195 expired=6 not_sent=41 reported=1438
"message lost": none=5516 received=480 armed=275 sent=4649 seen=40 acknowledged=449 recovering=3630 held=48 approved=167 declined=176 expired=8 not_sent=69 reported=1405
"message garbled": none=5564 received=477 armed=273 sent=4702 seen=28 acknowledged=520 recovering=3591 held=40 approved=179 declined=184 expired=5 not_sent=54 reported=1471
"message twice": none=5644 received=449 armed=255 sent=4650 seen=18 acknowledged=502 recovering=3653 held=38 approved=171 declined=179 expired=10 not_sent=56 reported=1395
"message delayed": none=5525 received=468 armed=271 sent=4633 seen=26 acknowledged=481 recovering=3657 held=54 approved=176 declined=168 expired=5 not_sent=58 reported=1437
"message late": none=5599 received=456 armed=285 sent=4624 seen=29 acknowledged=510 recovering=3583 held=36 approved=207 declined=179 expired=5 not_sent=58 reported=1476
"message odd": none=5630 received=507 armed=278 sent=4604 seen=20 acknowledged=492 recovering=3651 held=52 approved=188 declined=181 expired=7 not_sent=51 reported=1388
"driver panics": none=7751 received=848 armed=5923 sent=4670 seen=1182 acknowledged=483 recovering=7922 held=87 approved=263 declined=280 expired=12 not_sent=86 reported=2199
"driver hangs": none=1936 received=174 armed=109 sent=1681 seen=10 acknowledged=187 recovering=1328 held=15 approved=67 declined=64 expired=2 not_sent=22 reported=523
"mark refused": none=15012 received=2463 approved=689 declined=606 expired=32 not_sent=186 reported=3999
"terminal loses power": none=71298 received=3241 armed=667 sent=17597 seen=59 acknowledged=681 uncertain=3387 recovering=11787 held=13183 approved=2726 declined=2126 expired=84 not_sent=636 reported=42932
"post reset": approved=2462 declined=2271 expired=55 not_sent=587 reported=2423
"post unheard": approved=2462 declined=2373 expired=56 not_sent=602 reported=2372
"500": approved=2497 declined=2327 expired=60 not_sent=574 reported=2415
"503": approved=2542 declined=2380 expired=59 not_sent=534 reported=2403
"429": approved=2421 declined=2393 expired=66 not_sent=573 reported=2407
"404": approved=2546 declined=2285 expired=52 not_sent=545 reported=2397
"302": approved=2409 declined=2356 expired=67 not_sent=586 reported=2461
"post slow": approved=2491 declined=2332 expired=55 not_sent=586 reported=2437
"202 lost": received=21398 armed=149 sent=1003 seen=1 acknowledged=33 uncertain=245 recovering=1367 held=2053 approved=410 declined=391 expired=42 not_sent=145 reported=8211
"manual sale": none=89530 received=4460 armed=376 sent=11808 seen=22 acknowledged=123 uncertain=3171 recovering=16962 held=12669 approved=3226 declined=2806 expired=121 not_sent=848 reported=45092
"terminal in use": none=60777 received=2587 armed=375 sent=11717 seen=19 acknowledged=109 uncertain=3062 recovering=7349 held=12689 approved=2234 declined=1800 expired=81 not_sent=528 reported=37471
"day end": none=94815 received=4710 armed=425 sent=12925 seen=20 acknowledged=137 uncertain=3347 recovering=17634 held=13389 approved=3496 declined=2927 expired=132 not_sent=846 reported=49240
"unplugged": none=66197 received=2752 armed=430 sent=12953 seen=19 acknowledged=130 uncertain=3410 recovering=8386 held=13116 approved=2442 declined=1958 expired=76 not_sent=549 reported=41337
"clean restart": none=65534 received=2819 armed=386 sent=13018 seen=11 acknowledged=148 uncertain=3390 recovering=8187 held=12985 approved=2583 declined=1982 expired=102 not_sent=579 reported=41680
"clock forward": none=66054 received=2714 armed=414 sent=13127 seen=12 acknowledged=137 uncertain=3385 recovering=8271 held=12992 approved=2531 declined=2046 expired=85 not_sent=560 reported=41553
"clock back": none=19722 received=865 armed=120 sent=3857 seen=12 acknowledged=41 uncertain=1079 recovering=2470 held=3727 approved=778 declined=554 expired=27 not_sent=188 reported=12525
"MGR away": none=65869 received=2789 armed=427 sent=13035 seen=16 acknowledged=131 uncertain=3387 recovering=8147 held=13170 approved=2447 declined=1959 expired=103 not_sent=554 reported=41705
"disk broken": none=66077 received=2781 armed=409 sent=12983 seen=20 acknowledged=116 uncertain=3411 recovering=8211 held=13020 approved=2516 declined=2029 expired=92 not_sent=554 reported=41523
"webhook again": none=846187 received=8445 armed=738 sent=13295 seen=54 acknowledged=583 uncertain=5028 recovering=16992 held=48999 approved=7777 declined=7115 expired=761 not_sent=1730 reported=206380
"webhook with other content": none=66109 received=2730 armed=438 sent=13149 seen=16 acknowledged=124 uncertain=3463 recovering=8337 held=13090 approved=2522 declined=1974 expired=82 not_sent=540 reported=41295
"two webhooks at once": none=65862 received=2837 armed=411 sent=12942 seen=17 acknowledged=143 uncertain=3431 recovering=8110 held=13083 approved=2404 declined=1968 expired=87 not_sent=558 reported=41212
"MGR forgets": none=48063 received=2236 armed=240 sent=5006 seen=11 acknowledged=146 uncertain=2008 recovering=7944 held=16126 approved=26220 declined=21786 expired=457 not_sent=3748 reported=89724
"cancelled": none=66274 received=2874 armed=435 sent=13045 seen=13 acknowledged=104 uncertain=3476 recovering=8219 held=13142 approved=2543 declined=1961 expired=103 not_sent=572 reported=41367
"asked again": none=48033 received=2294 armed=286 sent=5089 seen=18 acknowledged=123 uncertain=1960 recovering=7937 held=16097 approved=3246 declined=3090 expired=192 not_sent=649 reported=64297
"settled": none=144607 received=6772 armed=863 sent=18211 seen=48 acknowledged=413 uncertain=6409 recovering=22938 held=47217 approved=9380 declined=8646 expired=516 not_sent=1763 reported=192932
"settled wrongly": none=48623 received=2224 armed=302 sent=6152 seen=16 acknowledged=124 uncertain=2192 recovering=7539 held=15746 approved=3184 declined=2862 expired=173 not_sent=599 reported=64025
"suspended": none=65771 received=2897 armed=442 sent=12948 seen=19 acknowledged=128 uncertain=3399 recovering=8124 held=13083 approved=2466 declined=2050 expired=86 not_sent=554 reported=41428
"MGR was told twice": 455087
"a cancellation came too late": 5310
"a cancellation ended a payment": 8979
"a final outcome was asked for again": 396392
"a ghost write was found by a restart": 4838
"a message came in the next conversation": 16537
"a payment that MGR was not told of was begun after a restart": 277
"a person settled a payment as approved": 80244
"a person settled a payment as declined": 68992
"a person settled a payment wrongly": 33304
"approved by dialogue": 344417
"approved by last-record": 7405
"approved by person": 80244
"approved by query": 11651
"declined by not-found": 48965
"declined by nothing-sent": 36790
"declined by person": 68992
"declined by refused": 128400
"declined by unchanged-mark": 37521
"held: a tip that no record names": 1934
"held: another sale at the terminal": 7071
"held: another sum or currency": 60137
"held: nothing can be read": 67469
"held: only the conversation tells, and it was disturbed": 55908
"held: the clocks do not agree": 1228
"held: the day was ended": 721
"held: the terminal did not tell its last transaction": 841
"late evidence raised an alarm": 588
"refused: busy": 105500
"refused: frozen": 455471
"refused: journal full": 103351
"refused: other content": 83260
"refused: unplugged": 340179
"the terminal reversed a sale that was not acknowledged": 42759
"the terminal was busy when it was asked": 255120
`
