using Sleb.Core.Plan;

namespace Sleb.Tests.Checkpoints;

public sealed class SurvivorsTests
{
    [Fact]
    public void Survivors_are_the_other_blocks_in_ascending_order()
    {
        Assert.Equal([0, 1, 2], Survivors.After(3, []));
        Assert.Equal([0, 2, 4], Survivors.After(5, [3, 1]));
        Assert.Equal([1], Survivors.After(2, [0]));
    }

    [Theory]
    [InlineData(new[] { 3 }, "Block 3 cannot be removed: the model has blocks 0 to 2.")]
    [InlineData(new[] { 1, -1 }, "Block -1 cannot be removed: the model has blocks 0 to 2.")]
    [InlineData(new[] { 1, 0, 1 }, "Block 1 is listed twice among the blocks to remove.")]
    [InlineData(new[] { 2, 0, 1 }, "All 3 blocks of the model are to be removed; at least one must stay.")]
    public void What_the_model_cannot_lose_is_refused_in_one_sentence(int[] removed, string says) =>
        Assert.Equal(says, Assert.Throws<ArgumentException>(() => Survivors.After(3, removed)).Message);
}
