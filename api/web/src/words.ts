/** Every word of the page, in Chinese, Mongolian (Cyrillic) and English. */

export const LANGUAGES = ["zh", "mn", "en"] as const;
export type Lang = (typeof LANGUAGES)[number];
export type Names = Partial<Record<Lang, string>>;

export const LANGUAGE_NAMES: Record<Lang, string> = { zh: "中文", mn: "Монгол", en: "English" };
export const LOCALES: Record<Lang, string> = { zh: "zh-CN", mn: "mn-MN", en: "en-GB" };

const WORDS = {
  // chrome
  map: ["地图", "Газрын зураг", "Map"],
  map_keys: [
    "地图。方向键移动，加减号缩放，R 键计算地图中心的到达范围，Esc 清除。",
    "Газрын зураг. Сумаар зөөж, + − товчоор томруулна. R: төвөөс хүрэх хүрээ. Esc: арилгах.",
    "Map. Arrow keys move it, plus and minus zoom, R computes reach from its centre, Esc clears.",
  ],
  panels: ["面板", "Самбар", "Panels"],
  layers: ["图层", "Давхарга", "Layers"],
  coverage: ["巡逻覆盖", "Хамралт", "Coverage"],
  breaches: ["越界事件", "Зөрчил", "Breaches"],
  units: ["巡逻单元", "Нэгж", "Units"],
  language: ["语言", "Хэл", "Language"],
  to_dark: ["切换到深色", "Бараан загвар", "Switch to dark"],
  to_light: ["切换到浅色", "Цайвар загвар", "Switch to light"],
  close: ["关闭", "Хаах", "Close"],
  collapse: ["收起", "Хураах", "Collapse"],
  zoom_in: ["放大", "Томруулах", "Zoom in"],
  zoom_out: ["缩小", "Жижигрүүлэх", "Zoom out"],
  whole_region: ["全区域", "Бүх нутаг", "Whole region"],
  loading: ["载入中…", "Ачаалж байна…", "Loading…"],
  none: ["无", "Байхгүй", "None"],
  unknown: ["未知", "Тодорхойгүй", "Unknown"],
  show_all: ["显示全部", "Бүгдийг", "Show all"],
  sign_out: ["退出登录", "Гарах", "Sign out"],
  signed_in_as: ["已登录，权限：{scopes}", "Нэвтэрсэн. Эрх: {scopes}", "Signed in; may: {scopes}"],
  // sign-in
  signin_title: ["请登录", "Нэвтэрнэ үү", "Please sign in"],
  signin_link: [
    "打开启动时终端打印的登录链接，",
    "Эхлэхэд терминал дээр хэвлэгдсэн нэвтрэх холбоосыг нээнэ үү,",
    "Open the sign-in link that the terminal printed at the start,",
  ],
  signin_token: ["或粘贴访问令牌：", "эсвэл токеноо буулгана уу:", "or paste a token:"],
  signin_go: ["登录", "Нэвтрэх", "Sign in"],
  signin_bad: [
    "此令牌无效或已过期。",
    "Токен буруу эсвэл хугацаа нь дууссан.",
    "This token is not valid, or has expired.",
  ],
  signin_expired: [
    "此登录链接已用过或已过期，请重新获取。",
    "Энэ холбоосыг ашигласан эсвэл хугацаа нь дууссан. Шинийг авна уу.",
    "That sign-in link was used before or has expired; ask for a new one.",
  ],
  // status
  live: ["实时", "Шууд", "Live"],
  connecting: ["连接中", "Холбогдож байна", "Connecting"],
  as_of: ["数据截至 {time}", "Өгөгдөл: {time}", "Data as of {time}"],
  link_lost: [
    "{since} 起连接中断；所见内容截至 {asof}",
    "{since}-с холбоо тасарсан; энд {asof}-ийн байдал харагдаж байна",
    "No link since {since}; what you see is as of {asof}",
  ],
  link_lost_bare: ["{since} 起连接中断", "{since}-с холбоо тасарсан", "No link since {since}"],
  failed: ["出错了：{why}", "Алдаа: {why}", "That did not work: {why}"],
  no_link: ["无法连接服务器", "Серверт холбогдож чадсангүй", "the server cannot be reached"],
  tiles_failed: ["部分地图未能载入", "Газрын зургийн хэсэг ачаалагдсангүй", "part of the map did not load"],
  // layers
  grids: ["网格", "Торлол", "Grids"],
  settlements: ["居民点", "Суурин", "Settlements"],
  checkpoints: ["检查站", "Шалган нэвтрүүлэх цэг", "Checkpoints"],
  posts: ["服务站", "Үйлчилгээний цэг", "Posts"],
  post_areas: ["服务站辖区", "Цэгийн хариуцах нутаг", "Post areas"],
  unattended: ["无服务站照管的地区", "Цэг хариуцаагүй нутаг", "Looked after by no post"],
  cameras: ["摄像头", "Камер", "Cameras"],
  roads: ["道路", "Зам", "Roads"],
  border: ["边境线", "Хилийн шугам", "Border"],
  fences: ["电子围栏", "Цахим хашаа", "Fences"],
  tracks_of: ["轨迹", "Мөр", "Tracks"],
  legend: ["图例", "Тэмдэглэгээ", "Legend"],
  road_major: ["干线", "Гол зам", "Main road"],
  road_mid: ["支线", "Салбар зам", "Secondary road"],
  road_minor: ["地方道路", "Орон нутгийн зам", "Local road"],
  road_track: ["土路", "Шороон зам", "Track"],
  staffed: ["有人值守", "Ажилтантай", "Staffed"],
  electronic: ["电子", "Цахим", "Electronic"],
  urban: ["城镇网格", "Хотын торлол", "Urban cell"],
  dedicated: ["专属网格", "Тусгай торлол", "Dedicated cell"],
  rural: ["农牧区网格", "Хөдөөгийн торлол", "Rural cell"],
  households: ["户数", "Өрхийн тоо", "Households"],
  team: ["队伍", "Баг", "Team"],
  kind: ["类型", "Төрөл", "Kind"],
  level: ["层级", "Түвшин", "Level"],
  last_heartbeat: ["最近心跳", "Сүүлийн дохио", "Last heartbeat"],
  bearing: ["朝向", "Чиглэл", "Bearing"],
  range: ["视距", "Харах зай", "Range"],
  site: ["站点", "Байршил", "Site"],
  // coverage
  window: ["时段", "Хугацаа", "Window"],
  w_24h: ["24 小时", "24 цаг", "24 hours"],
  w_7d: ["7 天", "7 хоног", "7 days"],
  w_30d: ["30 天", "30 хоног", "30 days"],
  w_all: ["全部", "Бүгд", "All time"],
  swath: ["视幅宽度", "Харах өргөн", "Swath width"],
  swath_own: ["各类单元的默认值", "Төрөл бүрийн өөрийн", "Each kind's own"],
  swept_kept: ["读自持续更新的结果", "Шинэчлэгдсээр буй дүнгээс", "Read from what is kept up"],
  swept_computed: ["按此视幅重新计算", "Энэ өргөнөөр шинээр бодсон", "Computed for this swath"],
  colour_by: ["着色依据", "Өнгөний утга", "Coloured by"],
  by_share: ["面积占比", "Талбайн хувь", "Share"],
  by_days: ["距上次到访", "Сүүлд очсоноос", "Last visit"],
  since_visit: ["距上次到访", "Сүүлд очсоноос хойш", "Since the last visit"],
  longest_unvisited: ["最长无人到访", "Хамгийн удаан очоогүй", "Longest unvisited"],
  share_by_day: ["每日巡逻面积占比", "Өдөр бүрийн талбайн хувь", "Share by day"],
  share_by_hour: ["每小时巡逻面积占比", "Цаг бүрийн талбайн хувь", "Share by hour"],
  hours_of_day: ["一天各时段的巡逻时间", "Өдрийн цагаар эргүүл", "Patrols by hour of day"],
  at_least: ["{d} 以上", "{d} ба түүнээс их", "{d} or more"],
  less_than: ["不到 {d}", "{d} хүртэл", "less than {d}"],
  show_coverage: ["在地图上显示", "Зурагт харуулах", "Show on the map"],
  visited_share: ["已巡面积占比", "Эргүүлсэн талбайн хувь", "Share of area patrolled"],
  not_visited: ["无人到过", "Хэн ч очоогүй", "Nobody has been"],
  unknown_hatch: ["有单元在内，路径未知", "Нэгж байсан, зам нь тодорхойгүй", "A unit was there, path unknown"],
  click_cell: [
    "点击网格查看数据；长按计算到达范围。",
    "Торлол дээр дарж тоог харна; удаан дарж хүрэх хүрээг бодно.",
    "Click a cell for its figures; a long press computes reach.",
  ],
  patrol_time: ["巡逻时间", "Эргүүлийн хугацаа", "Patrol time"],
  patrol_length: ["巡逻里程", "Эргүүлийн зам", "Patrol distance"],
  unknown_time: ["去向未知时间", "Тодорхойгүй хугацаа", "Unknown time"],
  unknown_note: [
    "两次定位间隔过长：不算已巡，也不算未巡。",
    "Хоёр цэгийн зай хэт урт: эргүүлсэн ч гэхгүй, эргүүлээгүй ч гэхгүй.",
    "Fixes too far apart to be a path: neither patrolled nor not.",
  ],
  visits: ["到访次数", "Очсон тоо", "Visits"],
  patrols: ["巡逻次数", "Эргүүлийн тоо", "Patrols"],
  units_count: ["单元数", "Нэгжийн тоо", "Units"],
  first_visit: ["首次到访", "Анх очсон", "First visit"],
  last_visit: ["最近到访", "Сүүлд очсон", "Last visit"],
  never: ["时段内无", "Энэ хугацаанд үгүй", "Not in this window"],
  whole: ["合计", "Нийт", "In all"],
  outside: ["网格之外", "Торлолоос гадуур", "Outside all grids"],
  cells_visited: ["到过 {n} / {all} 个网格", "{all} торлолоос {n}-д очсон", "{n} of {all} cells visited"],
  response_here: ["从这里计算到达范围", "Эндээс хүрэх хүрээ", "Reach from here"],
  // plan
  plan: ["巡逻计划", "Төлөвлөгөө", "Plan"],
  duty: ["任务", "Үүрэг", "Duty"],
  whole_plan: ["全部任务", "Бүх үүрэг", "All duties"],
  where_next: ["下一步去哪里（最紧急在前）", "Дараа нь хаашаа (яаралтай нь эхэндээ)", "Where to go next, the worst first"],
  no_plan: [
    "还没有巡逻计划。规划人员可用 patrolgrid plan add 添加任务。",
    "Төлөвлөгөө алга. Төлөвлөгч patrolgrid plan add командаар үүрэг нэмнэ.",
    "There is no plan yet. Planners add duties with patrolgrid plan add.",
  ],
  no_places: ["没有对应的地点", "Тохирох газар алга", "No place fits it"],
  all_kept: ["全部完成。", "Бүгд биелсэн.", "All of it is kept."],
  p_kept: ["已完成", "Биелсэн", "Kept"],
  p_due: ["待巡", "Очих ёстой", "Due"],
  p_late: ["逾期", "Хоцорсон", "Late"],
  p_missed: ["未完成", "Биелээгүй", "Missed"],
  rounds: ["巡逻轮次", "Эргүүлийн тоо", "Rounds"],
  rounds_of: ["{n} / {all} 次", "{all}-аас {n}", "{n} of {all}"],
  late_by: ["逾期", "Хоцорсон хугацаа", "Late by"],
  due_at: ["应到时间", "Очих хугацаа", "Due at"],
  nobody_seen: ["查看期内无人到过", "Энэ хугацаанд хүн очоогүй", "Nobody was seen there"],
  never_since: ["{time} 以来无人到过", "{time}-аас хойш хүн очоогүй", "Nobody since {time}"],
  visited_how: ["本期到访", "Энэ үед очсон", "In this period"],
  visited: ["已到访", "Очсон", "Visited"],
  probably_visited: ["可能到访", "Очсон байж магадгүй", "Probably visited"],
  // breaches
  newest: ["最新在前", "Шинэ нь эхэндээ", "Newest first"],
  only_open: ["仅进行中", "Зөвхөн үргэлжилж буй", "Open only"],
  no_breaches: ["此时段没有越界事件。", "Энэ хугацаанд зөрчил алга.", "No breaches in this window."],
  new_breach: ["新的越界", "Шинэ зөрчил", "New breach"],
  entered: ["进入", "Орсон", "Entered"],
  exited: ["离开", "Гарсан", "Exited"],
  crossed: ["越线", "Давсан", "Crossed"],
  left_area: ["离开区域", "Бүсээс гарсан", "Left"],
  came_back: ["返回", "Буцсан", "Came back"],
  still: ["仍在持续", "Үргэлжилж байна", "still going on"],
  between: ["介于 {a} 与 {b} 之间", "{a} – {b} хооронд", "between {a} and {b}"],
  fence: ["围栏", "Хашаа", "Fence"],
  version: ["版本", "Хувилбар", "version"],
  rule: ["规则", "Дүрэм", "Rule"],
  severity: ["严重程度", "Зэрэг", "Severity"],
  evidence: ["证据", "Нотолгоо", "Evidence"],
  state: ["状态", "Төлөв", "State"],
  direction: ["方向", "Чиглэл", "Direction"],
  left_to_right: ["由左向右", "Зүүнээс баруун", "Left to right"],
  right_to_left: ["由右向左", "Баруунаас зүүн", "Right to left"],
  revision: ["修订", "Засвар", "Revision"],
  more_rows: ["另有 {n} 条", "Өөр {n}", "{n} more"],
  unit: ["单元", "Нэгж", "Unit"],
  s_info: ["提示", "Мэдээлэл", "Info"],
  s_low: ["低", "Бага", "Low"],
  s_medium: ["中", "Дунд", "Medium"],
  s_high: ["高", "Өндөр", "High"],
  s_critical: ["严重", "Ноцтой", "Critical"],
  r_keep_out: ["禁止进入", "Орохыг хориглоно", "Keep out"],
  r_keep_in: ["不得离开", "Гарахыг хориглоно", "Keep in"],
  r_line: ["越线", "Шугам давах", "Line"],
  r_presence: ["须有人在岗", "Заавал байх", "Presence"],
  st_open: ["进行中", "Үргэлжилж буй", "Open"],
  st_closed: ["已结束", "Дууссан", "Closed"],
  st_withdrawn: ["已撤回", "Хүчингүй", "Withdrawn"],
  e_confirmed: ["确认", "Батлагдсан", "Confirmed"],
  e_probable: ["很可能", "Магадтай", "Probable"],
  e_possible: ["可能", "Боломжит", "Possible"],
  // units
  f_fresh: ["实时", "Шинэ", "Fresh"],
  f_ageing: ["渐旧", "Хуучирч буй", "Ageing"],
  f_stale: ["过期", "Хуучирсан", "Stale"],
  f_silent: ["无信号", "Дохиогүй", "Silent"],
  k_vehicle: ["车辆", "Машин", "Vehicle"],
  k_motorcycle: ["摩托车", "Мотоцикл", "Motorcycle"],
  k_horse: ["骑马", "Морьт", "Horse"],
  k_foot: ["步行", "Явган", "Foot"],
  k_drone: ["无人机", "Дрон", "Drone"],
  k_robot: ["机器人", "Робот", "Robot"],
  k_collar: ["项圈", "Хүзүүвч", "Collar"],
  k_sensor: ["传感器", "Мэдрэгч", "Sensor"],
  fix_age: ["定位时间", "Байршлын нас", "Fix age"],
  ago: ["{d}前", "{d} өмнө", "{d} ago"],
  no_fix: ["尚无定位", "Байршил ирээгүй", "No fix yet"],
  accuracy: ["精度", "Нарийвчлал", "Accuracy"],
  speed: ["速度", "Хурд", "Speed"],
  heading: ["航向", "Чиг", "Heading"],
  battery: ["电量", "Цэнэг", "Battery"],
  max_gap: ["最大间隔", "Дээд завсар", "Longest gap"],
  track: ["最近轨迹", "Сүүлийн мөр", "Recent track"],
  track_gap: ["虚线：路径未知", "Тасархай: зам тодорхойгүй", "Dotted: path unknown"],
  no_track: ["此时段无轨迹", "Энэ хугацаанд мөр алга", "No track in this window"],
  hours: ["{n} 小时", "{n} цаг", "{n} h"],
  find_unit: ["查找呼号或队伍", "Дуудлага, багаар хайх", "Find a call sign or team"],
  // response
  response: ["到达范围", "Хүрэх хүрээ", "Reach"],
  response_at_centre: ["从地图中心计算到达范围", "Зургийн төвөөс хүрэх хүрээ", "Reach from the map's centre"],
  computing: ["计算中…", "Бодож байна…", "Computing…"],
  mode: ["方式", "Арга", "Mode"],
  and_more: ["{name}，及附近另外 {n} 个", "{name} ба ойролцоох өөр {n}", "{name} and {n} more nearby"],
  within: ["{n} 分钟内", "{n} минутад", "within {n} min"],
  minutes_short: ["{n} 分钟", "{n} мин", "{n} min"],
  road_distance: ["距最近道路 {d}", "Хамгийн ойр зам хүртэл {d}", "Nearest road {d} away"],
  no_road: ["附近没有道路", "Ойролцоо зам алга", "No road nearby"],
  nearest_units: ["最近的单元", "Хамгийн ойр нэгж", "Nearest units"],
  no_units: ["没有可到达的单元", "Хүрч чадах нэгж алга", "No unit can get here"],
  eta: ["{d} 到达", "{d} дотор хүрнэ", "{d} to arrive"],
} as const satisfies Record<string, readonly [string, string, string]>;

export type Word = keyof typeof WORDS;

let current: Lang = "zh";
const listeners: (() => void)[] = [];

export const lang = (): Lang => current;
export const locale = (): string => LOCALES[current];
export const isLang = (value: unknown): value is Lang => LANGUAGES.includes(value as Lang);
export const onLanguage = (listener: () => void): void => void listeners.push(listener);

export function setLanguage(next: Lang): void {
  current = next;
  document.documentElement.lang = LOCALES[next];
  for (const listener of listeners) listener();
}

/** The word in the page's language, with `{name}` replaced from `values`. */
export function t(word: Word, values: Record<string, string | number> = {}): string {
  const text: string = WORDS[word][LANGUAGES.indexOf(current)] ?? WORDS[word][2];
  return text.replace(/\{(\w+)\}/g, (all, key: string) => String(values[key] ?? all));
}

/** The word in every language, for somebody whose language we do not know yet. */
export const everywhere = (word: Word): [Lang, string][] =>
  LANGUAGES.map((code, index) => [code, WORDS[word][index] ?? WORDS[word][2]]);

/** A word of the data (`severity`, `rule` …); what the page has no word for is shown as it came. */
export function term(prefix: "s" | "r" | "st" | "e" | "f" | "k" | "p" | "", value: unknown): string {
  if (value === null || value === undefined || value === "") return t("unknown");
  const key = prefix ? `${prefix}_${String(value)}` : String(value);
  return key in WORDS ? t(key as Word) : String(value);
}

/** The name in the page's language, else the plain name, else any other. */
export function named(properties: Record<string, unknown> | null | undefined): string {
  const order = [`name_${current}`, "name", "name_zh", "name_mn", "name_en", "id"];
  for (const key of order) {
    const value = properties?.[key];
    if (typeof value === "string" && value) return value;
  }
  return "";
}

/** The name, and how many more there are where a tile draws one feature for several. */
export function namedOf(properties: Record<string, unknown> | null | undefined, otherwise = ""): string {
  const name = named(properties) || otherwise;
  const merged = Number(properties?.["merged"] ?? 1);
  return merged > 1 ? t("and_more", { name, n: merged - 1 }) : name;
}

export function titled(names: Names | string | undefined, fallback: string): string {
  if (typeof names === "string") return names;
  return names?.[current] ?? names?.en ?? names?.zh ?? names?.mn ?? fallback;
}
