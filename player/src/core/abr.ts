import Hls, { type Events, type LevelSwitchingData } from 'hls.js';
import { PartBandwidth } from './bandwidth';
import { SwitchGuard } from './switches';

const Base = Hls.DefaultConfig.abrController;

/** hls.js's rate adaptation on an estimate made for parts, and with a guard against stepping to and fro. */
export class PartAbr extends Base {
  private readonly guard = new SwitchGuard();
  private loading = -1;

  constructor(hls: Hls) {
    super(hls);
    this.useOwnEstimator();
  }

  override resetEstimator(estimate?: number): void {
    super.resetEstimator(estimate);
    this.useOwnEstimator();
  }

  override get nextAutoLevel(): number {
    return this.guard.choose(this.hls.loadLevel, super.nextAutoLevel, performance.now());
  }

  override set nextAutoLevel(level: number) {
    super.nextAutoLevel = level;
  }

  protected override onLevelSwitching(event: Events.LEVEL_SWITCHING, data: LevelSwitchingData): void {
    super.onLevelSwitching(event, data);
    this.guard.switched(this.loading, data.level, performance.now());
    this.loading = data.level;
  }

  private useOwnEstimator(): void {
    const estimator = new PartBandwidth(this.hls.config.abrEwmaDefaultEstimate);
    this.bwEstimator = estimator as unknown as typeof this.bwEstimator;
  }
}
