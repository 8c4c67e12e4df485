// Picture tokens by minute: as they were, within what they would have been had every picture been sent whole.
export default {
  template: `
    <figure class="js-tokens" role="img" :aria-label="summary">
      <div class="js-bars" aria-hidden="true"><span v-for="each in shown" :key="each.minute" :title="each.title"><i :style="{ height: each.dense + '%' }"></i><b :style="{ height: each.coded + '%' }"></b></span></div>
      <figcaption><span><i class="js-key-coded"></i>{{ w.coded }}</span><span><i class="js-key-dense"></i>{{ w.dense }}</span><span class="jv-num">{{ summary }}</span></figcaption>
    </figure>`,
  props: { w: Object, minutes: Array },
  computed: {
    shown() {
      const most = Math.max(1, ...this.minutes.map((each) => Math.max(each.dense, each.coded)));
      return this.minutes.map((each) => ({ minute: each.minute, dense: (100 * each.dense) / most, coded: (100 * each.coded) / most, title: `${each.minute}′  ${each.coded.toLocaleString()} / ${each.dense.toLocaleString()}` }));
    },
    summary() {
      const sum = (name) => this.minutes.reduce((all, each) => all + each[name], 0), many = Math.max(1, this.minutes.length);
      const coded = sum("coded"), dense = sum("dense");
      const fewer = dense ? Math.round(100 * (1 - coded / dense)) : 0;
      return this.w.summary.replace("{coded}", Math.round(coded / many).toLocaleString()).replace("{dense}", Math.round(dense / many).toLocaleString()).replace("{fewer}", fewer);
    },
  },
};
