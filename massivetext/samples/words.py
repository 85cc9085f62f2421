"""The vocabulary of the generated prose: topics with their own people, things and places, and shared words.

Nouns and verbs are regular in plural and past tense, so that `prose` can inflect them by rule.
"""

from __future__ import annotations

TOPICS: dict[str, dict[str, str]] = {
    "harbour": {
        "agent": (
            "pilot|captain|ferry keeper|net maker|dock hand|lighthouse keeper|customs clerk|sail maker"
            "|diver|shipwright|tide watcher|rope maker|oyster farmer|boat builder|salvage master"
            "|signal keeper"
        ),
        "thing": (
            "rope|anchor|hull|mast|lantern|barrel|net|oar|rudder|chart|buoy|crate|tiller|winch|compass"
            "|cable|keel|trawler|dredger|hawser|capstan|porthole|sextant|tarpaulin|lobster pot|fish box"
            "|mooring ring"
        ),
        "place": (
            "quay|pier|breakwater|slipway|dry dock|fish market|signal tower|salt shed|boat yard|estuary"
            "|sandbank|customs house|ferry landing|chain locker|tide pool|sea wall|warehouse"
        ),
        "verb": ("moor|anchor|load|unload|varnish|repair|inspect|launch|caulk|measure|lower|hoist|salvage|steer"),
        "quality": ("salt-stained|tarred|seaworthy|barnacled|brackish|leaking|copper|weather-beaten|tidal|sunken"),
        "mass": "salt|driftwood|seaweed|tar|canvas|ballast|fog|herring|shingle|brine",
    },
    "garden": {
        "agent": (
            "gardener|seed merchant|beekeeper|orchard owner|botanist|pruner|apprentice|flower seller"
            "|composter|head gardener|herb grower|plant hunter|greenhouse keeper|rose breeder"
            "|vegetable grower"
        ),
        "thing": (
            "spade|trowel|seedling|trellis|hedge|rose|bulb|watering can|cold frame|wheelbarrow|cutting"
            "|root|pear tree|apple|marrow|bean row|blossom|graft|hive|pumpkin|thistle|onion|tulip"
            "|flower pot|sundial|rake"
        ),
        "place": (
            "orchard|kitchen garden|greenhouse|potting shed|terrace|meadow|nursery|walled garden|lawn"
            "|pond|rockery|arboretum|compost heap|allotment|border|vineyard|herb bed"
        ),
        "verb": "water|prune|plant|graft|weed|mulch|harvest|gather|transplant|label|shelter|fertilise|rake",
        "quality": ("fragrant|evergreen|frost-tender|overgrown|shaded|ripe|thorny|flowering|hardy|climbing|dwarf"),
        "mass": "compost|leaf mould|pollen|manure|clover|moss|rainwater|lavender|loam|frost",
    },
    "railway": {
        "agent": (
            "engine driver|signalman|guard|station master|porter|fireman|track walker|ticket clerk"
            "|surveyor|platelayer|crossing keeper|wheel tapper|shunter|timetable clerk|carriage cleaner"
            "|line inspector"
        ),
        "thing": (
            "locomotive|carriage|signal|sleeper|rail|boiler|timetable|whistle|lamp|coupling|ticket"
            "|wagon|piston|lever|axle|buffer|telegraph|turntable|luggage van|brake|bogie|gauge"
            "|viaduct arch|water crane|time sheet"
        ),
        "place": (
            "platform|tunnel|goods yard|signal box|level crossing|junction|viaduct|engine shed"
            "|waiting room|siding|cutting|embankment|booking hall|branch line|terminus|footbridge"
        ),
        "verb": ("signal|couple|uncouple|delay|inspect|replace|oil|stoke|dispatch|shunt back|paint|examine|tighten"),
        "quality": ("narrow-gauge|punctual|overdue|riveted|soot-covered|double-track|suburban|single-line|idle"),
        "mass": "steam|coal|gravel|soot|grease|freight|ash|iron|mail|smoke",
    },
    "kitchen": {
        "agent": (
            "cook|baker|pastry chef|cheese maker|miller|grocer|scullery maid|food writer|butcher"
            "|tea merchant|spice trader|confectioner|dairy farmer|inn keeper|brewer|market gardener"
        ),
        "thing": (
            "bun|kettle|saucepan|oven|recipe|pudding|pie|jar|ladle|chopping board|cake tin|stew|pickle"
            "|biscuit|copper pan|rolling pin|cheese|sausage|dumpling|casserole|teapot|whisk|tray"
            "|cauldron|mixing bowl|plum tart"
        ),
        "place": (
            "pantry|bakery|cellar|dining room|market stall|smokehouse|dairy|scullery|village inn"
            "|cold store|spice shop|mill house|tea room|brewery|larder|hearth"
        ),
        "verb": ("roast|season|simmer|knead|taste|pickle|serve|garnish|bake|boil|glaze|preserve|marinate|sweeten"),
        "quality": "buttery|smoked|bitter|crisp|spiced|sour|tender|home-made|salted|golden|peppery|burnt",
        "mass": "flour|butter|yeast|vinegar|honey|pepper|dough|cream|broth|cinnamon|rye|barley",
    },
    "weather": {
        "agent": (
            "forecaster|observer|rain gauge reader|farmer|balloon pilot|meteorologist|shepherd"
            "|mountain guide|almanac writer|weather ship captain|kite flyer|school teacher"
            "|radio announcer|reservoir engineer"
        ),
        "thing": (
            "barometer|thermometer|rain gauge|weather vane|cloud|storm|hailstone|rainbow|balloon|chart"
            "|forecast|snowdrift|thunderstorm|isobar|anemometer|record book|warning|shower|breeze"
            "|flood marker|gale|cold front"
        ),
        "place": (
            "observatory|hill station|valley|reservoir|moor|coast road|mountain pass|weather ship"
            "|rooftop|airfield|marsh|ridge|plateau|delta|summit|flood plain"
        ),
        "verb": ("record|measure|predict|observe|chart|compare|report|track|calibrate|announce|collect|photograph"),
        "quality": ("overcast|humid|freezing|unsettled|stormy|gusty|mild|dry|thunderous|hazy|northerly|seasonal"),
        "mass": "rain|snow|sleet|mist|sunshine|hail|humidity|air pressure|lightning|dew",
    },
    "library": {
        "agent": (
            "librarian|bookbinder|archivist|printer|translator|cataloguer|scholar|novelist|bookseller"
            "|reader|engraver|proof reader|map collector|paper maker|type founder|essayist"
            "|manuscript dealer"
        ),
        "thing": (
            "manuscript|atlas|index card|volume|bookcase|map|pamphlet|ledger|engraving|dictionary"
            "|letter|almanac|chapter|footnote|binding|printing press|lectern|bookmark|encyclopedia"
            "|diary|poem|title page|margin note"
        ),
        "place": (
            "reading room|archive|book shop|printing house|gallery|attic|college|map room|stack room"
            "|bindery|reference desk|museum|lecture hall|scriptorium|basement|cloister"
        ),
        "verb": "catalogue|translate|print|restore|annotate|collect|publish|examine|index|recite",
        "quality": ("leather-bound|faded|rare|illustrated|unsigned|anonymous|gilded|handwritten|footnoted|borrowed"),
        "mass": "ink|vellum|paper|dust|glue|parchment|marginalia|gossip|correspondence|poetry",
    },
    "mountain": {
        "agent": (
            "guide|climber|shepherd|geologist|hut warden|mule driver|surveyor|ski maker|goat herder"
            "|map maker|quarry worker|rescue leader|glacier scientist|mineral collector|carpenter"
            "|hermit|bridge builder"
        ),
        "thing": (
            "rope|crampon|boulder|glacier|ridge|crevasse|cairn|pickaxe|crystal|avalanche|tent|sledge"
            "|cliff|fossil|snow bridge|lantern|waterfall|moraine|spruce|gentian|cable car|stone hut"
            "|route map|rucksack|goat"
        ),
        "place": (
            "summit|valley floor|alpine hut|north face|quarry|base camp|plateau|gorge|scree slope|pass"
            "|pasture|ravine|ice field|tree line|cave|chapel|saddle"
        ),
        "verb": ("climb|survey|rescue|mark|explore|measure|sketch|cross|descend|abandon|name|photograph|chart"),
        "quality": ("granite|sheer|snowbound|glacial|windswept|treeless|limestone|volcanic|remote|jagged|steep"),
        "mass": "ice|granite|snow|thin air|slate|quartz|scree|meltwater|juniper|lichen",
    },
    "workshop": {
        "agent": (
            "clockmaker|carpenter|blacksmith|potter|glass blower|weaver|instrument maker|locksmith"
            "|tinsmith|wheelwright|cabinet maker|engraver|tool seller|toy maker|piano tuner"
            "|watch repairer|tanner"
        ),
        "thing": (
            "pendulum|gear|chisel|lathe|anvil|loom|kiln|hammer|spring|violin|lock|hinge|cabinet|dial"
            "|saw|vase|escapement|workbench|anvil block|spindle|clamp|screw|music box|clay jar"
            "|cartwheel|brass plate|chain|mirror"
        ),
        "place": (
            "forge|workshop|guild hall|tool shed|glass house|timber yard|pottery|show room|clock tower"
            "|tannery|weaving shed|foundry|saw mill|market hall|back room|counting house"
        ),
        "verb": "polish|hammer|carve|assemble|repair|adjust|engrave|solder|sharpen|varnish|design|sand|mend",
        "quality": ("hand-made|brass|oak|polished|intricate|worn|walnut|ornate|rusted|mechanical|unfinished|dented"),
        "mass": "sawdust|charcoal|beeswax|clay|wool|molten glass|leather|varnish|solder|timber",
    },
    "market": {
        "agent": (
            "trader|auctioneer|banker|shopkeeper|tailor|accountant|wool merchant|farmer|pedlar"
            "|tax collector|inspector|moneylender|wholesaler|weigher|newspaper seller|cloth dealer"
            "|economist|stall holder"
        ),
        "thing": (
            "price|ledger|coin|contract|bargain|parcel|debt|stall|invoice|share|loan|carpet|cart"
            "|receipt|coat|sack|scale|bale|receipt book|tariff|licence|savings book|banknote|cloth roll"
            "|sample|auction|toll"
        ),
        "place": (
            "market square|exchange|counting room|auction hall|arcade|corn hall|toll gate|street corner"
            "|bank|cattle pen|draper's shop|town hall|cloth hall|warehouse|fairground|high street"
        ),
        "verb": ("weigh|price|trade|borrow|insure|deliver|export|import|collect|exchange|store|order|return|auction"),
        "quality": ("profitable|scarce|overpriced|second-hand|imported|seasonal|unpaid|wholesale|local|counterfeit"),
        "mass": "credit|silk|grain|wool|silver|demand|profit|linen|rent|tobacco",
    },
    "river": {
        "agent": (
            "lock keeper|miller|bargeman|angler|ferryman|engineer|biologist|reed cutter|bridge keeper"
            "|canoeist|water bailiff|eel catcher|dredging foreman|bird watcher|swimmer|surveyor"
            "|washerwoman|farmer"
        ),
        "thing": (
            "barge|lock gate|bridge|eel trap|mill wheel|otter|heron|weir|punt|culvert|sluice|towpath"
            "|trout pool|dam|reed bed|kingfisher|willow|aqueduct|flood bank|stepping stone|swan|paddle"
            "|water lily|fishing rod|current"
        ),
        "place": (
            "canal|mill pond|flood meadow|ferry crossing|lock cottage|island|delta|upper reach|bend"
            "|spring|ford|water mill|wharf|marsh|oxbow|tributary|backwater"
        ),
        "verb": "dredge|cross|row past|flood|restore|drain|observe|divert|survey|empty|clean|open|guard",
        "quality": ("muddy|navigable|shallow|silted|swollen|slow|reed-fringed|freshwater|winding|migratory|clear"),
        "mass": "silt|water|mud|watercress|sediment|foam|peat|ice|duckweed|gravel",
    },
}

SHARED = {
    "fresh": (
        "old|new|small|large|curious|careful|heavy|light|quiet|famous|forgotten|modest|strange|ordinary"
        "|broken|early|later|local|distant|narrow|wide|useful|expensive|cheap|temporary|permanent"
        "|simple|difficult|remarkable|familiar|neglected|favourite|better|second|third|final|original"
        "|rival|blue|grey|red|green|white|yellow|black"
    ),
    "manner": (
        "carefully|slowly|quickly|quietly|without hurry|with some pride|by hand|almost by accident"
        "|at once|with great patience|in secret|reluctantly|cheerfully|in silence|as usual"
        "|for the third time|rather badly|surprisingly well|with both hands|against all advice"
        "|by lamplight|on credit|from memory|in plain view|with borrowed tools|more or less alone"
        "|under protest|in good order|with a laugh|at great expense"
    ),
    "season": (
        "spring|summer|autumn|winter|January|February|March|April|May|June|July|August|September"
        "|October|November|December|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|Easter"
        "|midsummer|harvest time"
    ),
    "unit": ("mile|yard|week|day|month|hour|shilling|basket|ton|visitor|family|year|page|step|gallon|pound|letter"),
    "people": (
        "visitor|neighbour|pupil|stranger|official|cousin|student|traveller|widow|soldier|doctor|lawyer"
        "|nun|committee|council|owner|customer|inspector|teacher|friend|sister|uncle|nephew|critic"
        "|mayor|historian"
    ),
    "base": ("hope|promise|refuse|agree|decide|try|threaten|offer|manage|prepare|want|need|ask|learn|start|expect"),
    "link": (
        "Even so|In the end|For all that|By then|As a result|After that|Meanwhile|In practice|At first"
        "|Later on|Sooner or later|On the whole|In any case|Strangely enough|Of course|By contrast"
        "|In truth|To begin with|More often|Once in a while|Until recently|For a time|Before long"
        "|Against expectation|In most years"
    ),
    "idea": (
        "patience|trade|memory|luck|custom|safety|progress|honesty|thrift|curiosity|pride|distance"
        "|skill|habit|comfort|caution|silence|friendship|money|law|argument|proof|fashion|tradition"
        "|hunger|belief|experience|doubt"
    ),
    "mood": (
        "proud|tired|certain|afraid|glad|sorry|unsure|ready|jealous|amused|grateful|puzzled|alone|late"
        "|early|content|angry|pleased|hopeful|famous|poor|wealthy|patient|nervous|silent"
    ),
    "adverb": ("never|often|seldom|always|rarely|still|usually|once|soon|nearly|hardly|sometimes|again|gladly|simply"),
    "many": ("several|many|a few|most|some|both|twelve|forty|dozens of|hundreds of|countless|various|all the|two|six"),
}
